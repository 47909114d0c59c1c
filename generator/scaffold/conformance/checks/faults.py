"""Faults: a database or Redis that is gone, silent, locked or full; what breaks, how it is told, and how it heals."""

from __future__ import annotations

import contextlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pymysql
import pytest
from prometheus_client.parser import text_string_to_metric_families

from scaffold.conformance import contract, expect, workers
from scaffold.conformance.accounts import Shop
from scaffold.conformance.client import together
from scaffold.conformance.disclosure import insides
from scaffold.conformance.faultproxy import Fault
from scaffold.conformance.network import wait_until
from scaffold.conformance.registry import check
from scaffold.conformance.service import through

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from scaffold.conformance.accounts import Account, People
    from scaffold.conformance.client import Api
    from scaffold.conformance.database import Database
    from scaffold.conformance.exchange import Reply
    from scaffold.conformance.faultproxy import FaultProxy
    from scaffold.conformance.fixtures import Spawn
    from scaffold.conformance.service import Launcher, Service

_NEEDS = {"settings", "sql"}
_PROXIED = {"settings", "fault_proxy"}
_SERVERS = {"postgresql", "mysql"}
_TIMEOUT = 2.0


def _unavailable(reply: Reply) -> None:
    expect.problem(reply, 503)
    expect.header(reply, "Retry-After", "1")
    _leaks_nothing(reply)


def _leaks_nothing(reply: Reply) -> None:
    text = reply.text + str(reply.headers)
    expect.same("words from the inside", insides(text, "users_away"), [], reply)


def _not_ready(api: Api, part: str, within: float = 1.5) -> None:
    reply = api.get("/readyz")
    body = expect.problem(reply, 503)
    expect.same(f"checks.{part}", body.get("checks", {}).get(part), "fail", reply)
    expect.that(reply.seconds < within, f"expected /readyz within {within} s, took {reply.seconds:.2f} s", reply)


def _alive(api: Api) -> None:
    """`/livez` stays under 100 ms; the middle of five, because the machine has other things to do."""
    replies = [expect.status(api.get("/livez"), 200) for _ in range(5)]
    middle = sorted(reply.seconds for reply in replies)[2]
    expect.that(middle < 0.1, f"expected /livez within 100 ms, took {middle * 1000:.0f} ms", replies[2])


class Proxied:
    """A service with a fault proxy before its database."""

    def __init__(self, spawn: Spawn, launcher: Launcher, proxy: FaultProxy, settings: Mapping[str, str | None]) -> None:
        self.proxy = proxy
        database = launcher.new_database()
        self.service = spawn(target=database, DATABASE_URL=database.url_through(proxy.port), settings=settings)
        self.people = spawn.people(self.service)
        self.api = self.service.api()
        self.user = self.people.new()


@pytest.fixture
def proxied(spawn: Spawn, launcher: Launcher, fault_proxy: Callable[..., FaultProxy]) -> Proxied:
    """A service behind a fault proxy, with two seconds for a request."""
    settings: dict[str, str | None] = {"REQUEST_TIMEOUT_MS": f"{_TIMEOUT * 1000:.0f}", "SHUTDOWN_TIMEOUT_MS": "2000"}
    return Proxied(spawn, launcher, fault_proxy(), settings)


@check(
    "OPS02",
    "Database gone: alive, not ready, 503 for the API; back without a restart within 5 s.",
    source="Kubernetes probes; ASVS 16.5.2; contract 6",
    needs=_PROXIED,
    databases=_SERVERS,
)
def check_database_gone(proxied: Proxied) -> None:
    api = proxied.api
    proxied.proxy.set(Fault.REFUSED)
    _not_ready(api, "database")
    _alive(api)
    _unavailable(proxied.user.api.get("/v1/me"))
    _unavailable(proxied.people.register())
    proxied.proxy.set(Fault.NONE)
    expect.that(proxied.service.wait_ready(5.0), "expected to be ready within 5 s of the database's return")
    # Whatever stale connections the pool holds, no caller must meet one.
    for reply in together([lambda: proxied.user.api.get("/v1/me") for _ in range(20)]):
        expect.status(reply, 200)


@check(
    "OPS19",
    "Connections cut while idle are replaced unseen.",
    source="contract 6; ASVS 16.5.2",
    needs=_PROXIED,
    databases=_SERVERS,
)
def check_idle_connections_cut(proxied: Proxied) -> None:
    together([lambda: proxied.user.api.get("/v1/me") for _ in range(10)])
    proxied.proxy.cut()
    time.sleep(0.2)
    replies = together([lambda: proxied.user.api.get("/v1/me") for _ in range(10)])
    for reply in replies:
        expect.status(reply, 200)


@check(
    "OPS03",
    "Database silent: 503 within REQUEST_TIMEOUT_MS, /livez fast, /readyz within its second; then whole again.",
    source="Kubernetes timeoutSeconds; contract 6, 11.15",
    needs=_PROXIED,
    databases=_SERVERS,
)
def check_database_silent(proxied: Proxied) -> None:
    together([lambda: proxied.user.api.get("/v1/me") for _ in range(4)])
    proxied.proxy.set(Fault.SILENT)
    with ThreadPoolExecutor(6) as pool:
        waiting = [pool.submit(proxied.user.api.get, "/v1/me") for _ in range(6)]
        time.sleep(0.3)
        _alive(proxied.api)
        _not_ready(proxied.api, "database", within=1.4)
        for future in waiting:
            reply = future.result()
            _unavailable(reply)
            expect.that(
                reply.seconds < _TIMEOUT + 1.5, f"expected 503 within {_TIMEOUT} s, took {reply.seconds:.1f} s", reply
            )
    proxied.proxy.set(Fault.NONE)
    expect.that(proxied.service.wait_ready(5.0), "expected to be ready within 5 s of the database's return")
    for reply in together([lambda: proxied.user.api.get("/v1/me") for _ in range(20)]):
        expect.status(reply, 200)


@pytest.fixture(scope="module")
def narrow(spawn_shared: Spawn) -> Service:
    """Two connections, half a second to wait for one, three seconds for a statement."""
    return spawn_shared(
        DB_POOL_SIZE="2", DB_POOL_TIMEOUT_MS="500", DB_STATEMENT_TIMEOUT_MS="3000", REQUEST_TIMEOUT_MS="8000"
    )


@check(
    "OPS04",
    "Pool exhausted: 503 with Retry-After within DB_POOL_TIMEOUT_MS, no pile-up, full recovery.",
    source="ASVS 13.1.2; contract 6",
    needs=_NEEDS,
    shares="narrow service",
)
def check_pool_exhausted(narrow: Service, spawn: Spawn) -> None:
    people, api = spawn.people(narrow), narrow.api()
    users = [people.new() for _ in range(2)]
    bystander = people.new()
    database = narrow.database
    with ThreadPoolExecutor(22) as pool, database.hold("users", database.raw_id(users[0].id)):
        # SQLite's lock is on the whole file; elsewhere two requests wait for the one row.
        held = [pool.submit(users[0].api.patch, "/v1/me", {"display_name": f"Held {n}"}) for n in range(2)]
        time.sleep(0.4)
        extra = [pool.submit(bystander.api.get, "/v1/me") for _ in range(20)]
        for future in extra:
            reply = future.result()
            _unavailable(reply)
            expect.that(reply.seconds < 2.0, f"expected 503 within 0.5 s, took {reply.seconds:.1f} s", reply)
        _alive(api)
        expect.that(not any(future.done() for future in held), "the suite's lock did not hold the requests")
    for future in held:
        expect.status(future.result(), 200)
    for reply in together([lambda: bystander.api.get("/v1/me") for _ in range(20)]):
        expect.status(reply, 200)
    _no_leaked_sessions(narrow)


def _no_leaked_sessions(service: Service) -> None:
    database = service.database
    if database.dialect == "postgresql":
        statement = "SELECT state FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        states = [row["state"] for row in database.query(statement)]
    elif database.dialect == "mysql":
        statement = "SELECT command AS state FROM information_schema.processlist WHERE db = database() AND id <> connection_id()"
        states = [row["state"] for row in database.query(statement)]
    else:
        return
    expect.that(len(states) <= 2, f"expected at most 2 connections, the pool's size, got {states}")
    stuck = [state for state in states if state not in ("idle", "Sleep")]
    expect.same("connections that are not idle", stuck, [])


@check(
    "OPS28",
    "With every connection in use the service stays ready.",
    source="contract 6",
    needs=_NEEDS,
    shares="narrow service",
)
def check_ready_when_full(narrow: Service, spawn: Spawn) -> None:
    user, api, database = spawn.people(narrow).new(), narrow.api(), narrow.database
    with ThreadPoolExecutor(3) as pool, database.hold("users", database.raw_id(user.id)):
        held = [pool.submit(user.api.patch, "/v1/me", {"display_name": f"Held {n}"}) for n in range(2)]
        time.sleep(0.4)
        expect.status(user.api.get("/v1/me"), 503)
        for _ in range(3):
            ready = expect.status(api.get("/readyz"), 200)
            expect.same("checks.database", ready.json()["checks"]["database"], "ok", ready)
        expect.that(not any(future.done() for future in held), "the suite's lock did not hold the requests")
    for future in held:
        expect.status(future.result(), 200)


@check(
    "OPS20",
    "A statement that waits too long ends by DB_STATEMENT_TIMEOUT_MS with 503, and leaves nothing behind.",
    source="contract 5, 6",
    needs=_NEEDS,
    shares="narrow service",
)
def check_statement_timeout(narrow: Service, spawn: Spawn) -> None:
    user = spawn.people(narrow).new()
    database = narrow.database
    with database.hold("users", database.raw_id(user.id)):
        reply = user.api.patch("/v1/me", {"display_name": "Too late"})
        _unavailable(reply)
        expect.that(2.0 < reply.seconds < 5.0, f"expected 503 after 3 s, came after {reply.seconds:.1f} s", reply)
    time.sleep(0.3)
    expect.same("stored display_name", database.row("users", user.id)["display_name"], "Ada Lovelace")
    expect.status(user.api.patch("/v1/me", {"display_name": "In time"}), 200)


@check(
    "ERR03",
    "A fault that nobody expected is a 500 or 503 that tells nothing of the inside.",
    source="ASVS 16.5.1; RFC 9457 §5",
    needs=_NEEDS,
)
def check_internal_error(api: Api, people: People, database: Database) -> None:
    user = people.new()

    def without(table: str, *calls: Callable[[], Reply]) -> list[Reply]:
        database.execute(f"ALTER TABLE {table} RENAME TO {table}_away")
        try:
            return [call() for call in calls]
        finally:
            database.execute(f"ALTER TABLE {table}_away RENAME TO {table}")

    login = {"email": user.email, "password": user.password}
    replies = [
        *without("users", lambda: user.api.get("/v1/me"), lambda: api.post("/v1/auth/login", login), people.register),
        *without("sessions", lambda: user.api.get("/v1/me"), lambda: api.post("/v1/auth/login", login)),
    ]
    for reply in replies:
        # Whether a table that is gone is a fault of the service's or of its database's, stacks see differently.
        expect.problem(reply, 503 if reply.status == 503 else 500)
        expect.header(reply, "Cache-Control", "no-store")
        _leaks_nothing(reply)
        others = {each.json()["detail"] for each in replies if each.status == reply.status}
        expect.that(len(others) == 1, f"which fault it was can be told from {others}", reply)
    expect.status(api.get("/livez"), 200)
    expect.status(user.api.get("/v1/me"), 200)


@check(
    "ERR07",
    "A connection killed in the middle of a statement is a 500 or 503 without a word of its inside.",
    source="ASVS 16.5.1, 16.5.2",
    needs=_NEEDS,
    databases=_SERVERS,
)
def check_killed_connection(people: People, database: Database) -> None:
    user = people.new()
    with ThreadPoolExecutor(1) as pool, database.hold("users", database.raw_id(user.id)):
        future = pool.submit(user.api.patch, "/v1/me", {"display_name": "Killed"})
        time.sleep(0.5)
        killed = _kill_waiting(database)
        expect.that(killed, "the suite found no waiting statement to kill")
        reply = future.result()
        expect.status(reply, 500, 503)
        expect.problem(reply, reply.status)
        _leaks_nothing(reply)
    expect.same("stored display_name", database.row("users", user.id)["display_name"], "Ada Lovelace")
    expect.that(wait_until(lambda: user.api.get("/v1/me").status == 200, 3), "expected the service to recover")


@check(
    "OPS27",
    "Sessions that the database ends, idle or in use, cost at most their requests; no process, and no restart.",
    source="ASVS 16.5.2; contract 6",
    needs=_NEEDS | {"process"},
    databases=_SERVERS,
)
def check_lost_sessions(spawn: Spawn) -> None:
    service = spawn(DB_POOL_SIZE="5")
    users = [spawn.people(service).new() for _ in range(4)]
    members = workers.group(service.process.pid)
    over = threading.Event()
    replies: list[Reply] = []

    def load(user: Account) -> None:
        number = 0
        while not over.is_set():
            number += 1
            replies.append(user.api.get("/v1/me"))
            replies.append(user.api.patch("/v1/me", {"display_name": f"Name {number}"}))

    killed, deadline = 0, time.monotonic() + 60
    with ThreadPoolExecutor(len(users)) as pool:
        loads = [pool.submit(load, user) for user in users]
        while killed < _TERMINATIONS and time.monotonic() < deadline:
            killed += _kill_all(service)
            time.sleep(0.02)
        over.set()
        for each in loads:
            each.result()
    expect.that(killed >= _TERMINATIONS, f"the suite ended {killed} sessions only")
    for reply in replies:
        expect.status(reply, 200, 503)
    expect.that(any(reply.status == 200 for reply in replies), "no request was served meanwhile")
    expect.same("processes", workers.group(service.process.pid), members)
    # Once idle ...
    time.sleep(0.2)
    _kill_all(service)
    time.sleep(0.2)
    expect.same("exit code", service.process.exit_code, None)
    # ... and now nobody meets what is left of them.
    for reply in together([lambda: users[0].api.get("/v1/me") for _ in range(20)]):
        expect.status(reply, 200)


_TERMINATIONS = 200


def _kill_all(service: Service) -> int:
    """End all sessions of the service's; tell how many there were."""
    database = service.database
    if database.dialect == "postgresql":
        return len(
            database.query(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
    rows = database.query(
        "SELECT id FROM information_schema.processlist WHERE db = database() AND id <> connection_id()"
    )
    for row in rows:
        with contextlib.suppress(pymysql.err.Error):  # It has ended by itself.
            database.execute(f"KILL {row['id']}")
    return len(rows)


def _kill_waiting(database: Database) -> int:
    if database.dialect == "postgresql":
        rows = database.query(
            "SELECT pg_terminate_backend(pid) AS killed FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return len(rows)
    statement = "SELECT id FROM information_schema.processlist WHERE db = database() AND info LIKE 'UPDATE%%users%%'"
    rows = database.query(statement)
    for row in rows:
        database.execute(f"KILL {row['id']}")
    return len(rows)


class WithRedis:
    """A service with a fault proxy before its Redis."""

    def __init__(self, spawn: Spawn, launcher: Launcher, proxy: FaultProxy) -> None:
        self.proxy = proxy
        url = through(launcher.redis_url(), proxy.port)
        self.service = spawn(REDIS_URL=url, REQUEST_TIMEOUT_MS=f"{_TIMEOUT * 1000:.0f}", RATE_LIMIT_DEFAULT="5/60")
        people: People = spawn.people(self.service)
        self.api = self.service.api()
        self.user: Account = people.new()


@check(
    "RED01",
    "Redis gone or silent: ready and telling so, logins 503, everything else goes on, and the default limit lets pass.",
    source="contract 6, 11.10, 11.15; ASVS 16.5.2",
    needs=_PROXIED | {"redis", "logs"},
    part="redis",
)
@pytest.mark.parametrize("fault", [Fault.REFUSED, Fault.SILENT])
def check_redis_down(spawn: Spawn, launcher: Launcher, fault_proxy: Callable[..., FaultProxy], fault: Fault) -> None:
    found = WithRedis(spawn, launcher, fault_proxy("redis"))
    credentials = {"email": found.user.email, "password": found.user.password}
    mark = found.service.logs.mark()
    found.proxy.set(fault)
    ready = expect.status(found.api.get("/readyz"), 200)
    wanted = {"status": "ok", "checks": {"database": "ok", "redis": "fail"}}
    expect.same("body of /readyz", ready.json(), wanted, ready)
    expect.that(ready.seconds < 1.5, f"expected /readyz within its second, took {ready.seconds:.2f} s", ready)
    _alive(found.api)
    before = _redis_errors(found.service)
    login = found.api.post("/v1/auth/login", credentials)
    _unavailable(login)
    expect.that(login.seconds < _TIMEOUT + 1.5, f"expected 503 within {_TIMEOUT} s, took {login.seconds:.1f} s", login)
    for _ in range(7):
        reply = expect.status(found.user.api.get("/v1/me"), 200)
        expect.that(
            reply.seconds < _TIMEOUT + 1.5, f"expected a reply within {_TIMEOUT} s, took {reply.seconds:.1f} s", reply
        )
    # The login's own passage by the default limit is one of the eight.
    counted = {operation: number - before[operation] for operation, number in _redis_errors(found.service).items()}
    expect.same("growth of redis_errors_total", counted, {"rate_limit": 8.0, "login_limit": 1.0, "cache": 0.0})
    warned = found.service.logs.events("sys_dependency_fail", since=mark)
    expect.same("warnings sys_dependency_fail", [line["level"] for line in warned], ["warn"])
    found.proxy.set(Fault.NONE)
    healed = wait_until(lambda: found.api.get("/readyz").json()["checks"]["redis"] == "ok", 5.0)
    expect.that(healed, "expected /readyz to say so within 5 s of Redis' return")
    expect.status(found.api.post("/v1/auth/login", credentials), 200)
    statuses = [found.user.api.get("/v1/me").status for _ in range(7)]
    expect.same("statuses once the limit counts again", statuses[-1], 429)


def _redis_errors(service: Service) -> dict[str, float]:
    """`redis_errors_total` by operation; without the sample nothing is cached."""
    reply = service.api().with_token(service.metrics_token or "").get("/metrics")
    found = {"rate_limit": 0.0, "login_limit": 0.0, "cache": 0.0}
    for family in text_string_to_metric_families(reply.text):
        for sample in family.samples:
            if sample.name == "redis_errors_total":
                found[sample.labels["operation"]] = sample.value
    return found


@check(
    "RED02",
    "Redis down: the catalogue comes from the database; what was cached before is gone after CACHE_TTL_SECONDS.",
    source="contract 11.10, 11.28; ASVS 16.5.2",
    needs=_PROXIED | {"redis", "admin"},
    part={"redis", "sample"},
)
def check_catalogue_without_redis(spawn: Spawn, launcher: Launcher, fault_proxy: Callable[..., FaultProxy]) -> None:
    proxy = fault_proxy("redis")
    url = through(launcher.redis_url(), proxy.port)
    service = spawn(REDIS_URL=url, REQUEST_TIMEOUT_MS="2000", CACHE_TTL_SECONDS="2")
    people = spawn.people(service)
    shop = Shop(people)
    product = shop.product(name="Teapot")
    api, path = service.api(), f"/v1/products/{product['id']}"
    for target in ("/v1/products", path):
        expect.status(api.get(target), 200)
    cached = time.monotonic()
    proxy.set(Fault.REFUSED)
    before = _redis_errors(service)["cache"]
    listed = expect.status(api.get("/v1/products"), 200)
    expect.same("ids", [item["id"] for item in listed.json()["items"]], [product["id"]], listed)
    expect.that(_redis_errors(service)["cache"] > before, "expected redis_errors_total of the cache to grow", listed)
    expect.status(people.admin.api.patch(path, {"name": "Kettle"}), 200)
    again = expect.status(api.get(path), 200)
    expect.same("name", again.json()["name"], "Kettle", again)
    proxy.set(Fault.NONE)
    time.sleep(max(0.0, cached + 2.3 - time.monotonic()))
    for target in (path, "/v1/products"):
        reply = expect.status(api.get(target), 200)
        expect.that("Kettle" in reply.text and "Teapot" not in reply.text, "expected the new name", reply)


@check(
    "RED03",
    "The catalogue's cache has the names that the contract gives it, and a write starts a new generation.",
    source="contract 11.10",
    needs={"settings", "redis", "admin"},
    part={"redis", "sample"},
)
def check_cache_keys(spawn: Spawn, launcher: Launcher) -> None:
    service = spawn()
    shop = Shop(spawn.people(service))
    shop.product()
    assert service.redis is not None
    expect.status(service.api().get("/v1/products"), 200)
    names = [_text(name) for name in service.redis.scan_iter("cat:*")]
    generation = _text(service.redis.get("cat:gen") or "0")
    form = "cat:{stack}:{generation}:{digest}"
    prefix = contract.redis_key(form, stack=launcher.project.stack, generation=generation, digest="")
    expect.that(any(name.startswith(prefix) for name in names), f"expected a key {prefix}<digest>, got {names}")
    for name in names:
        if name != "cat:gen":
            expect.that(0 < service.redis.pttl(name) <= 30_000, f"expected {name} to live at most 30 s")
    shop.product()
    expect.that(_text(service.redis.get("cat:gen") or "0") != generation, "expected another generation after a write")


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
