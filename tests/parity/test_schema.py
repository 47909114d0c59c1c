"""On PostgreSQL the databases of all stacks are one: after `release` the catalogue shows the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from services import stacks
from tests.stack_files import described

from scaffold.conformance import contract, pg_catalogue
from scaffold.conformance.database import PostgresqlDatabase
from scaffold.conformance.servers.postgresql import postgresql
from scaffold.conformance.servers.redis import redis_server

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from scaffold.conformance.keys import SigningKey


@pytest.fixture(scope="module")
def released(server_projects: Mapping[str, Path], key: SigningKey) -> Iterator[dict[str, PostgresqlDatabase]]:
    with postgresql() as database, redis_server() as redis:
        servers = {server.kind: server for server in (database, redis)}
        with stacks(server_projects, servers, key) as each:
            found = {}
            for stack in each:
                made = stack.launcher.new_database()
                assert isinstance(made, PostgresqlDatabase)
                found[stack.name] = made
            yield found


def test_tables_are_the_same(released: Mapping[str, PostgresqlDatabase]) -> None:
    wanted = contract.tables({"sample": True})
    assert {
        stack: set(database.tables()) - set(described(stack)["bookkeeping"]) for stack, database in released.items()
    } == dict.fromkeys(released, wanted)


@pytest.mark.parametrize("part", pg_catalogue.PARTS)
def test_catalogues_are_equal(released: Mapping[str, PostgresqlDatabase], part: str) -> None:
    tables = sorted(contract.tables({"sample": True}))
    rows = [pg_catalogue.rows(database, part, tables) for database in released.values()]
    assert rows[0]
    assert all(other == rows[0] for other in rows[1:])
