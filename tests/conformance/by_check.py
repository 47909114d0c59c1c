"""The falsifiers that a run is given: during each check the lie that the table has for it, or none at all."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from typing import TYPE_CHECKING

import psycopg
import pymysql
from falsifications import chosen
from lies import Reply, Sql, nothing
from lying_proxy import Exchange, LyingProxy

from scaffold.conformance.falsifying import Falsifier

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from scaffold.conformance.database import Database
    from scaffold.conformance.otlp import Span


class ByCheck(Falsifier):
    """Tells, during each check, the lie that the table has for it; a project and a number pick among several."""

    def __init__(self, of: str = "sqlite:0") -> None:
        on, _, number = of.partition(":")
        self._lies = {entry.check: entry.lie for entry in chosen(on, int(number))}
        self._lie = Falsifier()
        self._proxies: list[LyingProxy] = []
        self._databases: list[Database] = []
        self._shown: Callable[[], None] = lambda: None

    def begin(self, check: str) -> None:
        if isinstance(self._lie, Sql):
            self._execute(self._lie.undo, *self._databases)
        self._lie = self._lies.get(check, Falsifier())
        for proxy in self._proxies:
            proxy.hang_up()
        if isinstance(self._lie, Sql):
            self._execute(self._lie.do, *self._databases)
        self._shown()

    def command(self, name: str, command: Sequence[str]) -> Sequence[str]:
        return self._lie.command(name, command)

    def source(self, name: str, folder: Path, scratch: Path) -> Path:
        return self._lie.source(name, folder, scratch)

    def environment(self, name: str, environment: Mapping[str, str]) -> Mapping[str, str]:
        return self._lie.environment(name, environment)

    def address(self, host: str, port: int) -> tuple[str, int]:
        proxy = LyingProxy(host, port, self._change, self._places)
        self._proxies.append(proxy)
        return "127.0.0.1", proxy.port

    def stdout(self, line: str) -> str | None:
        return self._lie.stdout(line)

    def span(self, span: Span) -> Span | None:
        return self._lie.span(span)

    def prepared(self, database: Database) -> None:
        self._databases.append(database)
        if isinstance(self._lie, Sql):
            self._execute(self._lie.do, database)

    def project(self, folder: Path, scratch: Path) -> Path:
        """A path that shows, during each check, what its lie makes of the project: it is asked for once a run."""
        shown = scratch / f"shown-{os.getpid()}"

        def show() -> None:
            shown.unlink(missing_ok=True)
            shown.symlink_to(self._lie.project(folder, scratch), target_is_directory=True)

        show()
        self._shown = show
        return shown

    def close(self) -> None:
        for proxy in self._proxies:
            proxy.close()

    @staticmethod
    def _execute(statements: Sequence[str], *databases: Database) -> None:
        for database in databases:
            # A check may have dropped its own.
            with contextlib.suppress(sqlite3.Error, psycopg.Error, pymysql.Error):
                for statement in statements:
                    database.execute(statement)

    def _change(self) -> Callable[[Exchange], None] | None:
        return self._tell if isinstance(self._lie, Reply) else None

    def _places(self) -> contextlib.AbstractContextManager[object]:
        return self._lie.places if isinstance(self._lie, Reply) else contextlib.nullcontext()

    def _tell(self, exchange: Exchange) -> None:
        if isinstance(self._lie, Reply):
            self._lie.change(exchange)


class Honest(ByCheck):
    """The same proxies and filters, without a lie: what they do themselves must not fail a check."""

    def __init__(self, of: str = "sqlite:0") -> None:
        super().__init__(of)
        told = {check: lie for check, lie in self._lies.items() if isinstance(lie, Reply)}
        self._lies = {check: Reply(lambda _: None) for check, lie in told.items() if lie.change is not nothing}
