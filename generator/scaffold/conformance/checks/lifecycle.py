"""Lifecycle: starting, stopping, migrating, and running where it was not developed."""

from __future__ import annotations

import contextlib
import shutil
import signal
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from scaffold.conformance import contract, expect, logbook, workers
from scaffold.conformance.client import together
from scaffold.conformance.database import earlier
from scaffold.conformance.disclosure import stack_marks
from scaffold.conformance.faultproxy import Fault
from scaffold.conformance.network import listens, wait_until
from scaffold.conformance.raw import ConnectionEndedError
from scaffold.conformance.registry import check

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from scaffold.conformance.accounts import People, Shop
    from scaffold.conformance.database import Database
    from scaffold.conformance.exchange import Reply
    from scaffold.conformance.faultproxy import FaultProxy
    from scaffold.conformance.fixtures import Spawn
    from scaffold.conformance.process import Unread
    from scaffold.conformance.project import Project
    from scaffold.conformance.raw import RawConnection
    from scaffold.conformance.service import Launcher, Service

_NEEDS = {"process", "settings", "logs"}


@check(
    "OPS01",
    "Starts alive and ready within 30 s, says so in the log, and writes JSON lines from the first byte.",
    source="Kubernetes probes; contract 6",
    needs=_NEEDS,
)
def check_start(spawn: Spawn) -> None:
    service = spawn()
    took = time.monotonic() - service.process.started
    expect.that(took < 30, f"expected to be ready within 30 s, took {took:.1f} s")
    expect.same("body of /livez", service.api().get("/livez").body, b'{"status":"ok"}')
    expect.that(service.logs.events("sys_startup"), "expected a log line sys_startup")
    expect.same("first line's faults", logbook.line_faults(service.process.stdout.lines[0]), [])


@check(
    "OPS05",
    "Starts with the database down: alive, not ready; ready without a restart once it is there.",
    source="contract 6; The Twelve-Factor App IX",
    needs=_NEEDS | {"fault_proxy"},
    databases={"postgresql", "mysql"},
)
def check_start_without_database(spawn: Spawn, launcher: Launcher, fault_proxy: Callable[..., FaultProxy]) -> None:
    database = launcher.new_database()
    proxy = fault_proxy()
    proxy.set(Fault.REFUSED)
    service = spawn(target=database, wait=False, DATABASE_URL=database.url_through(proxy.port))
    _alive_but_not_ready(service)
    proxy.set(Fault.NONE)
    expect.that(service.wait_ready(5.0), "expected to be ready within 5 s of the database's return")
    expect.status(spawn.people(service).register(), 201)


@check(
    "OPS10",
    "Starts with the database's file out of reach: alive, not ready; ready once it is there.",
    source="contract 6",
    needs=_NEEDS,
    databases={"sqlite"},
)
def check_start_without_file(spawn: Spawn, launcher: Launcher, tmp_path: Path) -> None:
    database = launcher.new_database()
    file = Path(database.service_url.removeprefix("sqlite:///"))
    folder = tmp_path / "missing"
    service = spawn(target=database, wait=False, DATABASE_URL=f"sqlite:///{folder / 'service.db'}")
    _alive_but_not_ready(service)
    folder.mkdir()
    shutil.copy(file, folder / "service.db")
    expect.that(service.wait_ready(5.0), "expected to be ready within 5 s of the file's return")


def _alive_but_not_ready(service: Service) -> None:
    expect.that(
        wait_until(service.alive, 30), f"expected to be alive within 30 s\n{service.process.stderr.text[-1500:]}"
    )
    api = service.api()
    reply = api.get("/readyz")
    body = expect.problem(reply, 503)
    expect.same("checks.database", body.get("checks", {}).get("database"), "fail", reply)
    expect.header(reply, "Retry-After", "1")
    reply = api.post("/v1/auth/login", {"email": "a@b.example", "password": "canary-password"})
    expect.problem(reply, 503)
    expect.header(reply, "Retry-After", "1")


class _InFlight:
    """A request that a row lock of the suite's holds in the service."""

    def __init__(self, spawn: Spawn, service: Service) -> None:
        people = spawn.people(service)
        self._service = service
        self._user = people.new()
        self._pool = ThreadPoolExecutor(1)

    def hold(self) -> AbstractContextManager[None]:
        """The lock, as a context manager."""
        database = self._service.database
        return database.hold("users", database.raw_id(self._user.id))

    def send(self) -> Callable[[], Reply]:
        """Send the request; the result waits for its reply."""
        future = self._pool.submit(self._user.api.patch, "/v1/me", {"display_name": "Grace Hopper"}, timeout=40)
        time.sleep(0.5)
        assert not future.done(), "the suite's lock did not hold the request"
        return lambda: future.result(timeout=40)

    @property
    def stored_name(self) -> str:
        """What the database holds."""
        return str(self._service.database.row("users", self._user.id)["display_name"])


def _refuses_work(service: Service) -> bool:
    if not listens(service.port):
        return True
    try:
        return service.api().get("/readyz", timeout=2).status == 503
    except OSError:
        return True
    except Exception as error:  # noqa: BLE001 - httpx' errors of a connection that ends
        return "httpx" in type(error).__module__ or "httpcore" in type(error).__module__


@check(
    "OPS06",
    "After SIGTERM: not ready at once, the request in flight finishes, exit code 0.",
    source="The Twelve-Factor App IX; contract 6",
    needs=_NEEDS | {"sql", "raw"},
)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def check_graceful_stop(spawn: Spawn, number: signal.Signals) -> None:
    service = spawn()
    request = _InFlight(spawn, service)
    with request.hold():
        reply = request.send()
        service.terminate(number)
        expect.that(
            wait_until(lambda: _refuses_work(service), 2.0), "expected /readyz 503 or no new connections within 2 s"
        )
        _never_silent(service, until=time.monotonic() + 1.0)
        _refused(service)
        expect.same("exit code with a request in flight", service.process.exit_code, None)
    expect.status(reply(), 200)
    code = service.process.wait(10)
    expect.same("exit code", code, 0)
    expect.same("stored display_name", request.stored_name, "Grace Hopper")
    expect.that(service.logs.events("sys_shutdown", timeout=1), "expected a log line sys_shutdown")
    expect.that(not listens(int(service.settings["PORT"])), "expected the port to be closed")


def _never_silent(service: Service, *, until: float) -> None:
    """Expect each new connection to be refused, ended or answered, and none to be left waiting."""
    while time.monotonic() < until:
        try:
            with service.raw(timeout=1.0) as connection:
                connection.request("GET", "/livez", {"Connection": "close"})
                connection.reply()
        except TimeoutError:
            expect.fail("a new connection was taken, and left without a reply for a second")
        except (ConnectionEndedError, OSError):
            pass
        time.sleep(0.1)


def _refused(service: Service) -> None:
    """Expect new connections to be refused (by the service itself, whatever stands before it)."""
    port = int(service.settings["PORT"])
    expect.that(wait_until(lambda: not listens(port), 2.0), "expected new connections to be refused")


@check(
    "OPS22",
    "For SHUTDOWN_DELAY_MS after SIGTERM all but /readyz is still served; then new connections are refused and requests in flight finish.",
    source="Kubernetes (termination of pods); contract 6",
    needs=_NEEDS | {"sql", "raw"},
)
def check_shutdown_delay(spawn: Spawn) -> None:
    service = spawn(SHUTDOWN_DELAY_MS="2000")
    request = _InFlight(spawn, service)
    # Each on a connection of its own, as those that a load balancer opens.
    user = spawn.people(service).new()
    with request.hold():
        reply = request.send()
        started = time.monotonic()
        service.terminate()
        wait_until(lambda: service.api().get("/readyz", timeout=1).status == 503, 1.0)
        while (passed := time.monotonic() - started) < 1.6:
            expect.problem(service.api().get("/readyz", timeout=1), 503)
            expect.status(service.api().get("/livez", timeout=1), 200)
            mine = service.api().with_token(user.session.access).get("/v1/me", timeout=1)
            expect.status(mine, 200)
            time.sleep(0.2)
        expect.that(passed > 1, "the suite is too slow to look during the delay")
        _never_silent(service, until=started + 2.8)
        _refused(service)
        expect.same("exit code with a request in flight", service.process.exit_code, None)
    expect.status(reply(), 200)
    expect.same("exit code", service.process.wait(10), 0)
    expect.same("stored display_name", request.stored_name, "Grace Hopper")


@check(
    "OPS23",
    "A second signal changes nothing: the request in flight finishes, exit code 0.",
    source="contract 6",
    needs=_NEEDS | {"sql"},
)
@pytest.mark.parametrize(
    "numbers",
    [(signal.SIGINT, signal.SIGINT), (signal.SIGTERM, signal.SIGINT)],
    ids=["SIGINT twice", "SIGTERM and SIGINT"],
)
def check_second_signal(spawn: Spawn, numbers: tuple[signal.Signals, signal.Signals]) -> None:
    service = spawn()
    request = _InFlight(spawn, service)
    with request.hold():
        reply = request.send()
        for number in (*numbers, signal.SIGTERM):
            service.terminate(number)
            time.sleep(0.3)
            expect.same("exit code with a request in flight", service.process.exit_code, None)
    expect.status(reply(), 200)
    expect.same("exit code", service.process.wait(10), 0)
    expect.same("stored display_name", request.stored_name, "Grace Hopper")


@check(
    "OPS24",
    "Standard output that is closed, or that nobody reads, costs log lines and nothing else.",
    source="contract 6; The Twelve-Factor App XI",
    needs=_NEEDS,
)
@pytest.mark.parametrize("unread", ["closed", "full"])
def check_unread_output(spawn: Spawn, unread: Unread) -> None:
    service = spawn(unread=unread)
    api = service.api()
    # Far more lines than the pipe and any queue before it hold.
    for _ in range(10):
        for reply in together([lambda: api.get("/v1/unknown", timeout=5) for _ in range(40)]):
            expect.problem(reply, 404)
    expect.status(spawn.people(service).register(), 201)
    expect.same("exit code", service.process.exit_code, None)
    service.terminate()
    expect.same("exit code after SIGTERM", service.process.wait(10), 0)


@check(
    "OPS25",
    "An idle connection is kept for KEEP_ALIVE_TIMEOUT_MS, by default longer than load balancers keep theirs, and then ended.",
    source="RFC 9112 §9.3; contract 5",
    needs=_NEEDS | {"raw"},
)
def check_keep_alive(spawn: Spawn, service: Service) -> None:
    def opened(target: Service) -> RawConnection:
        connection = target.raw()
        connection.request("GET", "/livez")
        expect.status(connection.reply(), 200)
        return connection

    started = time.monotonic()
    lasting = opened(service)
    short = spawn(KEEP_ALIVE_TIMEOUT_MS="1500")
    with opened(short) as idle, opened(short) as busy:
        expect.that(not idle.ended(1.0), "an idle connection was ended before KEEP_ALIVE_TIMEOUT_MS")
        busy.request("GET", "/livez")
        expect.status(busy.reply(), 200)
        expect.that(idle.ended(2.0), "expected an idle connection to be ended after KEEP_ALIVE_TIMEOUT_MS")
        # The time is counted from the last reply.
        busy.request("GET", "/livez")
        with contextlib.suppress(ConnectionEndedError):
            busy.reply()
    with lasting:
        expect.that(not lasting.ended(max(0.1, started + 7 - time.monotonic())), "ended after less than 7 s by default")
        lasting.request("GET", "/livez")
        expect.status(lasting.reply(), 200)


@check(
    "OPS07",
    "A stuck request does not keep it: at SHUTDOWN_TIMEOUT_MS it is cut, exit code 1.",
    source="contract 6, 11.17",
    needs=_NEEDS | {"sql"},
)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def check_stop_with_stuck_request(spawn: Spawn, number: signal.Signals) -> None:
    service = spawn(SHUTDOWN_TIMEOUT_MS="1500", DB_STATEMENT_TIMEOUT_MS="30000", REQUEST_TIMEOUT_MS="30000")
    request = _InFlight(spawn, service)
    with request.hold():
        request.send()
        started = time.monotonic()
        service.terminate(number)
        code = service.process.wait(8)
        took = time.monotonic() - started
    expect.same("exit code", code, 1)
    expect.that(1.0 < took < 4.0, f"expected the exit at about 1.5 s, came after {took:.1f} s")


@check("OPS11", "Idle connections do not delay the exit.", source="contract 6", needs=_NEEDS | {"raw"})
def check_stop_with_idle_connections(spawn: Spawn) -> None:
    # A connection that never says a word may use up the time for a request, but no more. One that was kept may
    # linger for a moment, because the client may be sending its next request (RFC 9112 §9.6).
    service = spawn(REQUEST_TIMEOUT_MS="2000")
    idle = [service.raw() for _ in range(3)]
    for connection in idle[:2]:
        connection.request("GET", "/livez")
        expect.status(connection.reply(), 200)
    started = time.monotonic()
    service.terminate()
    for connection in idle[:2]:
        expect.that(connection.ended(4.0), "a kept connection without a request is not ended")
    code = service.process.wait(10)
    took = time.monotonic() - started
    expect.same("exit code", code, 0)
    expect.that(took < 6, f"expected the exit within 6 s, took {took:.1f} s")
    for connection in idle:
        connection.close()


@check(
    "OPS12",
    "After SIGTERM a kept connection gets no new work done.",
    source="contract 6",
    needs=_NEEDS | {"raw", "sql"},
)
def check_no_new_work(spawn: Spawn) -> None:
    service = spawn()
    request = _InFlight(spawn, service)
    kept = service.raw(timeout=3)
    kept.request("GET", "/livez")
    expect.status(kept.reply(), 200)
    before = service.database.count("users")
    with request.hold():
        reply = request.send()
        service.terminate()
        wait_until(lambda: _refuses_work(service), 2.0)
        body = b'{"email":"late@suite.example","password":"canary-late-password","display_name":"Late"}'
        try:
            kept.request("POST", "/v1/auth/register", {"Content-Type": "application/json"}, body)
            late = kept.reply()
            expect.status(late, 503)
        except TimeoutError:
            expect.fail("expected 503 or the end of a kept connection, got neither within 3 s")
        except (ConnectionEndedError, OSError):
            pass  # Closed, which is as good.
    expect.status(reply(), 200)
    expect.same("exit code", service.process.wait(10), 0)
    expect.same("accounts", service.database.count("users"), before)


@check("OPS13", "SIGTERM during the start ends it cleanly.", source="The Twelve-Factor App IX", needs=_NEEDS)
@pytest.mark.parametrize("after", [0.05, 0.3, 0.8])
def check_stop_during_start(spawn: Spawn, after: float) -> None:
    service = spawn(wait=False)
    time.sleep(after)
    service.terminate()
    code = service.process.wait(8)
    # Before it can have a handler the signal itself ends it.
    expect.that(code in (0, -signal.SIGTERM, 128 + signal.SIGTERM), f"expected a clean exit within 8 s, got {code}")
    shown = service.process.stderr.text
    expect.same(f"marks of a stack; stderr: {shown[-1500:]}", stack_marks(shown), [])


@check(
    "OPS08", "Two `release` at once are safe, and a third changes nothing.", source="contract 6", needs=_NEEDS | {"sql"}
)
def check_parallel_release(launcher: Launcher, spawn: Spawn) -> None:
    database = launcher.empty_database()
    settings = launcher.settings(DATABASE_URL=database.service_url)
    if launcher.project.answers.get("redis"):
        settings["REDIS_URL"] = launcher.redis_url()
    processes = [launcher.command("release", settings) for _ in range(2)]
    for process in processes:
        expect.same("exit code", process.wait(120), 0)
    made, users = sorted(database.tables()), database.rows("users")
    expect.same("administrators", [row["role"] for row in users], ["admin"])
    launcher.release(database)
    expect.same("tables after a third release", sorted(database.tables()), made)
    expect.same("users after a third release", database.rows("users"), users)
    service = spawn(target=database)
    expect.that(service.ready(), "expected a service on this database to be ready")


@check(
    "OPS26",
    "A second `release` that comes in the middle of the first one's work is safe.",
    source="contract 6",
    needs=_NEEDS | {"sql"},
)
def check_aimed_release(launcher: Launcher) -> None:
    database = launcher.empty_database()
    settings = launcher.settings(DATABASE_URL=database.service_url)
    if launcher.project.answers.get("redis"):
        settings["REDIS_URL"] = launcher.redis_url()
    first = launcher.command("release", settings)
    # The first has made a table and goes on with its plan: there it is stopped, and a second one comes.
    began = wait_until(lambda: first.exit_code is not None or _has_tables(database), 60, step=0.002)
    expect.that(began and first.exit_code is None, "the suite did not meet `release` at its work")
    first.signal(signal.SIGSTOP)
    second = launcher.command("release", settings)
    try:
        second.wait(3.0)  # It may wait for the first one, or do what is left.
    finally:
        first.signal(signal.SIGCONT)
    codes = [process.wait(60) for process in (first, second)]
    shown = "\n".join(process.stderr.text[-1500:] for process in (first, second))
    expect.same(f"exit codes; stderr: {shown}", codes, [0, 0])
    expect.same("administrators", [row["role"] for row in database.rows("users")], ["admin"])


def _has_tables(database: Database) -> bool:
    try:
        return bool(database.tables())
    except sqlite3.OperationalError:
        return False


@check(
    "OPS14", "`web` never looks at the migration tool's own tables.", source="contract 11.23", needs=_NEEDS | {"sql"}
)
def check_web_ignores_migrations(spawn: Spawn, launcher: Launcher) -> None:
    database = launcher.new_database()
    for table in sorted(set(database.tables()) - contract.tables(launcher.project.answers)):
        _drop(database, table)
    service = spawn(target=database)
    expect.status(spawn.people(service).register(), 201)


def _drop(database: Database, table: str) -> None:
    if database.dialect == "postgresql":
        database.execute(f'DROP TABLE "{table}" CASCADE')
    elif database.dialect == "mysql":
        database.execute(f"SET STATEMENT foreign_key_checks = 0 FOR DROP TABLE `{table}`")
    else:
        database.execute(f'DROP TABLE "{table}"')


@pytest.fixture
def bare_folder(project: Project, tmp_path: Path) -> Path:
    """A read-only folder that shows the project's files, and a `.env` that would break any start."""
    folder = tmp_path / "bare"
    folder.mkdir()
    for entry in project.folder.iterdir():
        if entry.name not in (".env", ".git"):
            (folder / entry.name).symlink_to(entry)
    (folder / ".env").write_text("LOG_LEVEL=nonsense\nDATABASE_URL=nonsense\nPORT=nonsense\nAPP_ENV=nonsense\n")
    folder.chmod(0o555)
    return folder


@check(
    "OPS15",
    "Runs in a read-only folder, in any time zone and language, and reads no `.env`.",
    source="contract 6; The Twelve-Factor App III",
    needs=_NEEDS | {"project"},
)
@pytest.mark.parametrize(
    "environment",
    [{"TZ": "Asia/Kathmandu", "LANG": "tr_TR.UTF-8", "LC_ALL": "tr_TR.UTF-8"}, {"TZ": "America/St_Johns", "LANG": "C", "LC_ALL": "POSIX"}],
    ids=["Turkish (not installed) in Nepal", "POSIX in Newfoundland"],
)  # fmt: skip
def check_foreign_environment(spawn: Spawn, bare_folder: Path, environment: dict[str, str]) -> None:
    listing = _listing(bare_folder)
    # root would write whatever a folder's mode says.
    service = spawn(cwd=bare_folder, environment=environment, confined=True)
    people = spawn.people(service)
    # In Turkish, I and i are not a pair: lower-casing must be ASCII's.
    email = people.fresh_email().replace("canary", "IRIS.canary")
    before = time.time()
    created = expect.status(people.register(email=email, display_name="\N{GREEK SMALL LETTER OMEGA}şı"), 201)
    expect.same("email", created.json()["email"], email.lower(), created)
    expect.same("display_name", created.json()["display_name"], "\N{GREEK SMALL LETTER OMEGA}şı", created)
    moment = created.json()["created_at"]
    expect.that(expect.TIMESTAMP.fullmatch(moment), f"expected a time in UTC, got {moment}", created)
    utc = time.strftime("%Y-%m-%dT%H:%M", time.gmtime(before))
    later = time.strftime("%Y-%m-%dT%H:%M", time.gmtime(before + 60))
    expect.that(moment[:16] in (utc, later), f"expected created_at to be {utc} in UTC, got {moment}", created)
    line = service.logs.access(created.request_id)
    expect.that(line["timestamp"][:16] in (utc, later), f"expected a log time of {utc} in UTC, got {line['timestamp']}")
    expect.same("files of the working directory", _listing(bare_folder), listing)


def _listing(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


@check(
    "OPS16",
    "WEB_CONCURRENCY processes serve one port, and one stop ends them all.",
    source="contract 5",
    needs=_NEEDS | {"redis"},
    part="redis",
)
def check_several_processes(spawn: Spawn, launcher: Launcher) -> None:
    service = spawn(WEB_CONCURRENCY="3")
    wanted = 3 if contract.stack(launcher.project.stack).several_workers else 1
    expect.same("number of processes that answer", len(workers.serving(service)), wanted)
    user = spawn.people(service).new()
    replies = together([lambda: service.api().with_token(user.session.access).get("/v1/me") for _ in range(30)])
    expect.same("statuses", {reply.status for reply in replies}, {200})
    members = workers.group(service.process.pid)
    service.terminate()
    expect.same("exit code", service.process.wait(10), 0)
    port = int(service.settings["PORT"])
    expect.that(wait_until(lambda: not listens(port), 2.0), "expected nobody on the port")
    expect.that(
        wait_until(lambda: not workers.group(service.process.pid), 2.0),
        f"expected all of {sorted(members)} to end, {sorted(workers.group(service.process.pid))} still run",
    )
    expect.that(service.logs.events("sys_startup", timeout=1), "expected a log line sys_startup")


@check("OPS17", "A taken port is an error at once, not a service that waits.", source="contract 5", needs=_NEEDS)
def check_taken_port(service: Service, spawn: Spawn) -> None:
    second = spawn(target=service.database, wait=False, PORT=service.settings["PORT"])
    code = second.process.wait(20)
    expect.that(code not in (None, 0), f"expected an exit with a failure, got {code}")
    expect.that(service.ready(), "expected the first service to go on")


@check("OPS18", "The first request after the start is as fast as those that follow.", source="contract 6", needs=_NEEDS)
def check_warm(spawn: Spawn) -> None:
    service = spawn()
    api = service.api()
    requests: dict[str, Callable[[], Reply]] = {
        "a public request": lambda: api.get("/.well-known/jwks.json"),
        "a refusal": lambda: api.get("/v1/me"),
        "a request with a token": lambda: api.with_token("nonsense").get("/v1/me"),
        "a fault": lambda: api.post("/v1/auth/login", {}),
        "a failed login": lambda: api.post("/v1/auth/login", {"email": "a@b.example", "password": "canary-password"}),
    }
    for name, request in requests.items():
        first, *others = [request() for _ in range(6)]
        usual = sorted(reply.seconds for reply in others)[2]
        told = f"{name}: the first took {first.seconds:.3f} s, others {usual:.3f} s"
        expect.that(first.seconds < usual + 0.25, told, first)


@check(
    "OPS21",
    "`cleanup` deletes what has expired and nothing else, and may run while the service works.",
    source="contract 7",
    needs=_NEEDS | {"sql", "project"},
)
def check_cleanup(service: Service, people: People, database: Database, launcher: Launcher) -> None:
    ended, idle, alive = people.new(), people.new(), people.new()
    spent = alive.session.refresh
    alive.session = people.session(expect.status(people.refresh(spent), 200))
    database.execute("UPDATE sessions SET expires_at = created_at WHERE id = %s", database.raw_id(ended.session.id))
    row, life = database.row("sessions", idle.session.id), 1_209_600
    for session, seconds in ((idle, life + 10), (alive, life - 600)):
        database.execute(
            "UPDATE sessions SET refreshed_at = %s WHERE id = %s",
            earlier(row["refreshed_at"], seconds),
            database.raw_id(session.session.id),
        )
    process = launcher.command("cleanup", service.settings)
    expect.same(f"exit code; stderr: {process.stderr.text[-800:]}", process.wait(60), 0)
    faults = [fault for line in process.stdout.lines for fault in logbook.line_faults(line)]
    expect.same("lines that are no log lines", faults, [])
    expect.same("sessions of the expired", database.rows("sessions", user_id=ended.id), [])
    expect.same("sessions that idled too long", database.rows("sessions", user_id=idle.id), [])
    expect.same("number of sessions of the other", len(database.rows("sessions", user_id=alive.id)), 1)
    expect.same("number of accounts", len(database.rows("users", id=ended.id)), 1)
    expect.status(alive.api.get("/v1/me"), 200)
    expect.status(people.refresh(alive.session.refresh), 200)
    # What was spent is still known: it ends the session when it comes back.
    expect.problem(people.refresh(spent), 401, "invalid-refresh-token")
    expect.problem(alive.api.get("/v1/me"), 401, "invalid-token")


@check(
    "OPS29",
    "`cleanup` deletes idempotency keys that have expired, and no others.",
    source="contract 2, 7",
    needs=_NEEDS | {"sql", "project", "admin"},
    part="sample",
)
def check_cleanup_of_keys(service: Service, people: People, shop: Shop, database: Database, launcher: Launcher) -> None:
    buyer, body = people.new(), shop.lines((shop.product(), 1))
    for key in ("old", "young"):
        expect.status(buyer.api.post("/v1/orders", body, headers={"Idempotency-Key": key}), 201)
    mine = {row["idempotency_key"]: row for row in database.rows("idempotency_keys", user_id=buyer.id)}
    database.execute(
        "UPDATE idempotency_keys SET expires_at = %s WHERE id = %s",
        earlier(mine["old"]["created_at"], 1),
        mine["old"]["id"],
    )
    expect.same("exit code", launcher.command("cleanup", service.settings).wait(60), 0)
    left = database.rows("idempotency_keys", user_id=buyer.id)
    expect.same("keys that are left", [each["idempotency_key"] for each in left], ["young"])
    expect.same("orders", len(database.rows("orders", user_id=buyer.id)), 2)
