"""Services of different stacks are one service: behind one load balancer, on one database and one Redis."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from services import stacks
from tests.stack_files import STACKS

from scaffold import conformance
from scaffold.conformance import Outcome, expect
from scaffold.conformance.accounts import People, Shop
from scaffold.conformance.project import Project
from scaffold.conformance.servers.postgresql import postgresql
from scaffold.conformance.servers.redis import redis_server
from scaffold.conformance.service import Target

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from scaffold.conformance.client import Api
    from scaffold.conformance.keys import SigningKey
    from scaffold.conformance.registry import Check
    from scaffold.conformance.service import Service

FLEET = Path(__file__).with_name("fleet.py")

#: HTTP and SQL, and what the suite itself needs to ask for either: a fleet has no one process, log or Redis connection.
MEANS = frozenset({"http", "admin", "unlimited", "signing_key", "sql", "settings"})

#: Checks that need no more, but are about one service, each with the reason.
ALONE: Mapping[str, str] = {
    "OPS04": "it fills a pool, and each member has its own",
    "OPS28": "it fills a pool, and each member has its own",
    "CAC14": "parallel misses share one load in each process",
    "PWD11": "it compares times, of which each member has its own",
}


#: Groups that are about one reply, whatever came before: the corpus compares those of all stacks.
SINGLE_REPLIES = frozenset({"errors", "headers", "injection", "media", "openapi", "protocol", "rest", "validation"})


def _fits(check: Check, answers: Mapping[str, object]) -> bool:
    if check.group in SINGLE_REPLIES or check.id in ALONE:
        return False
    return check.needs <= MEANS and not check.left_out(answers)


@pytest.fixture(scope="module")
def fleet_project(server_projects: Mapping[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose `web` is a service of each stack; its database is released by the last.

    Express knows a foreign key by its name, and Django's migrations do not let anybody choose one.
    """
    folder = tmp_path_factory.mktemp("fleet")
    *_, last = projects = [Project.read(path) for path in server_projects.values()]
    (folder / ".copier-answers.yml").write_text(yaml.safe_dump(dict(last.answers)))
    web = shlex.join([sys.executable, str(FLEET), *(str(project.folder) for project in projects)])
    release = shlex.join(
        ["env", "--chdir", str(last.folder), f"PATH={last.environment()['PATH']}", *last.procfile["release"]]
    )
    (folder / "Procfile").write_text(f"web: {web}\nrelease: {release}\n")
    return folder


def test_fleet_passes_as_one_service_what_its_members_share(fleet_project: Path) -> None:
    answers = Project.read(fleet_project).answers
    checks = [check.id for check in conformance.catalogue() if _fits(check, answers)]
    result = conformance.run(fleet_project, only=checks)
    # A fleet of untouched projects has nothing of its own.
    fine = {Outcome.PASSED, Outcome.NOT_APPLICABLE}
    failed = {check.id: check.report for check in result.checks if check.outcome not in fine}
    if failed:
        pytest.fail("\n\n".join(f"{check}: {report}" for check, report in failed.items()), pytrace=False)
    groups = {check.group for check in result.checks}
    print(f"{len(result.checks)} checks of {len(groups)} groups: {', '.join(sorted(groups))}")  # noqa: T201 - for people


def test_exceptions_are_checks() -> None:
    assert ALONE.keys() <= {check.id for check in conformance.catalogue()}
    assert {check.group for check in conformance.catalogue()} >= SINGLE_REPLIES


class Door(Target):
    """One service of a fleet, reached by itself; all its callers share connections, which are closed with it."""

    def __init__(self, service: Service) -> None:
        super().__init__(service.url, service.answers, service.recorder, service.admin, service.metrics_token)
        self._caller = super().api()

    def api(self) -> Api:
        return self._caller

    def close(self) -> None:
        self._caller.close()


@pytest.fixture(scope="module")
def fleet(server_projects: Mapping[str, Path], key: SigningKey) -> Iterator[dict[str, Door]]:
    """A service of each stack on one database and one Redis, each reached for itself."""
    with postgresql() as database, redis_server() as redis:
        servers = {server.kind: server for server in (database, redis)}
        with stacks(server_projects, servers, key) as found:
            shared = found[0].launcher.new_database()
            url = found[0].launcher.redis_url()
            doors = {stack.name: Door(stack.launcher.start(target=shared, REDIS_URL=url)) for stack in found}
            yield doors
            for door in doors.values():
                door.close()


REFERENCE, *OTHERS = STACKS


@pytest.mark.parametrize(
    ("giving", "taking"), [way for name in OTHERS for way in ((REFERENCE, name), (name, REFERENCE))]
)
def test_what_one_gives_the_other_takes(fleet: Mapping[str, Door], giving: str, taking: str) -> None:
    """Password hashes, tokens, refresh tokens, API keys, cursors, ETags, idempotency keys, the end of a session."""
    giver, taker = fleet[giving], fleet[taking]
    way = f"{giving}-{taking}"
    people = People(giver)
    elsewhere = taker.api()
    account = people.new()
    there = elsewhere.with_token(account.session.access)
    expect.same("account", there.get("/v1/me").json(), account.api.get("/v1/me").json())
    expect.same("key set", elsewhere.get("/.well-known/jwks.json").body, giver.api().get("/.well-known/jwks.json").body)
    credentials = {"email": account.email, "password": account.password}
    login = expect.status(elsewhere.post("/v1/auth/login", credentials), 200).json()
    refreshed = expect.status(elsewhere.post("/v1/auth/refresh", {"refresh_token": account.session.refresh}), 200)
    # A spent token ends the session wherever it comes back.
    expect.problem(people.refresh(account.session.refresh), 401, "invalid-refresh-token")
    expect.problem(elsewhere.with_token(refreshed.json()["access_token"]).get("/v1/me"), 401, "invalid-token")
    account.session = people.login(account.email, account.password)
    there = elsewhere.with_token(account.session.access)
    api_key = people.key(account, "orders:write", "orders:read")["key"]
    shop = Shop(people)
    products = [shop.product(name=f"Fleet {number} of {way}") for number in range(3)]
    _cursors(giver, taker, f"of {way}")
    tags = [service.api().get(f"/v1/products?q=of {way}").headers["etag"] for service in (giver, taker)]
    expect.same("ETags of a list", tags[1], tags[0])
    body, header = shop.lines((products[0], 1)), {"Idempotency-Key": f"fleet-{way}"}
    placed = expect.status(account.api.post("/v1/orders", body, headers=header), 201)
    replayed = expect.status(elsewhere.with_key(api_key).post("/v1/orders", body, headers=header), 201)
    expect.header(replayed, "idempotency-replayed", "true")
    expect.same("body of a replay", replayed.body, placed.body, placed, replayed)
    changed = people.admin.api.patch(f"/v1/products/{products[0]['id']}", {"name": "Changed"})
    tag = {"If-None-Match": expect.status(changed, 200).headers["etag"]}
    expect.status(elsewhere.get(f"/v1/products/{products[0]['id']}", headers=tag), 304)
    expect.status(there.post("/v1/auth/logout"), 204)
    expect.problem(account.api.get("/v1/me"), 401, "invalid-token")
    expect.status(people.target.api().with_token(login["access_token"]).get("/v1/me"), 200)


def _cursors(giver: Door, taker: Door, name: str) -> None:
    """A list that is begun here is gone on with there."""
    first = expect.status(giver.api().get(f"/v1/products?q={name}&limit=1"), 200)
    path = f"/v1/products?q={name}&limit=1&cursor={first.json()['next_cursor']}"
    here, there = (expect.status(service.api().get(path), 200) for service in (giver, taker))
    expect.same("second page", there.body, here.body, here, there)
    expect.same("link", there.headers["link"], here.headers["link"], here, there)
