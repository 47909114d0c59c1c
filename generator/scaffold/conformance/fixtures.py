"""The fixtures of the checks.

A group is a module of `checks/`; its docstring's first line is its title. A check is a function named
`check_...` with the decorator `@check(id, sentence, source=..., needs={...}, part=..., databases={...},
shares=..., long=...)` of `registry`. Checks of one module that use shared services run one after another in one
process, on services of that process; a check that uses only services that it starts runs in any process.
`shares="name"` makes a group of its own of some checks of a module (or joins some of several modules) and so
lets them run beside the others; `long=True` begins a check first. Declare every means beyond HTTP
(`registry.MEANS`) that a check uses: runs against a service at a URL leave out what they cannot do, and say so.

What most checks share (one service per process, APP_ENV=production, rate limits out of the way, nobody
but the administrator and what checks made; never assume that a table is empty, never leave it broken):

    service     Service: .url .settings .process .database .logs .redis .ready() .alive() .raw()
                With `--url` it is a Target: .url .host .port .api() .raw() only. Declare accordingly.
    api         Api, anonymous: .get .post .patch .delete .request -> Reply; .with_token .with_key
    people      People: .new() -> Account (.id .email .password .api .session), .register(**fields) -> Reply,
                .login(email, password) -> Session (.api .access .refresh .id .claims), .refresh(token) -> Reply,
                .anyone -> Account (shared: change nothing of it), .admin -> Account (declare `admin`),
                .key(account, *scopes) -> dict with `key`
    shop        Shop (declare part="sample", needs={"admin"}): .product(stock=5) -> dict, .order(buyer,
                (product, 2)) -> dict, .lines(...) -> body, .get(id) -> dict
    database    Database of `service` (declare `sql`): .rows("orders", user_id=id) .row("products", id)
                .count("orders") .query(sql, *parameters) .execute(sql, *parameters) .one(...) .dump()
                .raw_id(id) and `with database.hold("products", database.raw_id(id)):` for a row lock
    logs        Logbook of `service` (declare `logs`): .mark() .since/.lines(mark) .events(name, since=mark)
                .access(reply.request_id) .of_request(request_id)
    forge       TokenForge (declare `signing_key`): .claims(user_id, session_id, **changes) .header(**changes)
                .token(claims, header)
    openapi     OpenApi: .operations .methods(path) .document, restricted to the project's parts
    answers     what the project was rendered with
    project     Project on disk (declare `project`): .folder .procfile .name

Services of a check's own (declare `settings`; about two seconds each, so share them within a module):

    spawn       spawn(RATE_LIMIT_DEFAULT="5/2", METRICS_TOKEN=None, ...) -> Service with a new database;
                told to end after the check. Keyword arguments: target=Database, environment={...}, cwd=Path,
                wait=False, settings={...} (as keywords). `spawn.people(service)` gives People of it.
    spawn_shared    the same for fixtures of a wider scope (module); ended with the run
    launcher    Launcher: .command("web"|"release", settings) -> Process, .release(database),
                .new_database(), .empty_database(), .settings(**changes)
    fault_proxy fault_proxy() -> FaultProxy before the database server, fault_proxy("redis") before Redis
                (declare `fault_proxy`; not SQLite, so databases={"postgresql", "mysql"} or part="redis");
                .set(Fault.SILENT), .cut(); give its port to `database.url_through(port)`
    otlp        TraceReceiver (declare `otlp`): .endpoint, .trace(trace_id) -> spans

Say what is expected with `scaffold.conformance.expect`: `expect.status(reply, 200)`,
`expect.problem(reply, 409, "email-taken")`, `expect.faults(reply, ("#/email", "required"))`,
`expect.challenge(reply, "invalid_token")`, `expect.header`, `expect.same`, `expect.that(condition, what, reply)`;
or a plain `assert` with a message. A failure's report shows the exchanges given, else the check's last ones.
`client.together([callable, ...])` sends requests at the same time. A skip is a failure.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Self, cast
from urllib.parse import urlsplit

import httpx
import pytest

from scaffold.conformance import keys
from scaffold.conformance.accounts import People, Shop
from scaffold.conformance.exchange import Recorder
from scaffold.conformance.faultproxy import FaultProxy
from scaffold.conformance.observing import Observations
from scaffold.conformance.openapi import OpenApi
from scaffold.conformance.otlp import TraceReceiver
from scaffold.conformance.own.document import OwnDocument
from scaffold.conformance.own.proofs import Proofs, Tried
from scaffold.conformance.own.rows import Rows
from scaffold.conformance.plan import Plan
from scaffold.conformance.project import Project
from scaffold.conformance.service import AUDIENCE, ISSUER, Launcher, Service, Target

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from scaffold.conformance.client import Api
    from scaffold.conformance.database import Database
    from scaffold.conformance.falsifying import Falsifier
    from scaffold.conformance.logbook import Logbook
    from scaffold.conformance.process import Unread


class Spawn:
    """Starts services with settings of a check's own, and ends them."""

    def __init__(self, launcher: Launcher, observations: Observations) -> None:
        """Start by this launcher."""
        self._launcher = launcher
        self._observations = observations
        self._started: list[Service] = []

    def __call__(  # noqa: PLR0913 - as `Launcher.start`
        self,
        *,
        target: Database | None = None,
        environment: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        wait: bool = True,
        confined: bool = False,
        unread: Unread | None = None,
        settings: Mapping[str, str | None] | None = None,
        **changes: str | None,
    ) -> Service:
        """As `Launcher.start`."""
        service = self._launcher.start(
            target=target,
            environment=environment,
            cwd=cwd,
            wait=wait,
            confined=confined,
            unread=unread,
            settings=settings,
            **changes,
        )
        self._started.append(service)
        return service

    def people(self, service: Target) -> People:
        """The people of a service."""
        return People(service, self._observations)

    def __enter__(self) -> Self:
        """Use it for a block."""
        return self

    def __exit__(self, *_exception: object) -> None:
        """Tell what was started to end; the launcher waits for it when the run is over."""
        for service in self._started:
            service.terminate()


@pytest.fixture(scope="session")
def plan() -> Plan:
    """The run's plan."""
    return Plan.read()


@pytest.fixture(scope="session")
def answers(plan: Plan) -> Mapping[str, object]:
    """What the project was rendered with."""
    return plan.answers


@pytest.fixture(scope="session")
def openapi(plan: Plan) -> OpenApi:
    """The contract's OpenAPI document for this project."""
    return OpenApi.of_contract(plan.answers)


@pytest.fixture(scope="session")
def tried(plan: Plan) -> Iterator[Tried]:
    """What was tried of the service's own part, in the whole run."""
    found = Tried()
    yield found
    found.write(Path(plan.folder))


@pytest.fixture
def own(openapi: OpenApi, api: Api) -> OwnDocument:
    """The document that the service serves, and its own part of it."""
    reply = api.get("/openapi.json")
    return OwnDocument(OpenApi(reply.json()) if reply.status == httpx.codes.OK else openapi, openapi)


@pytest.fixture
def proofs(own: OwnDocument, tried: Tried) -> Proofs:
    """Tries rules on the service's own part."""
    return Proofs(own, tried)


@pytest.fixture
def rows(own: OwnDocument, people: People) -> Rows:
    """Makes rows of the service's resources."""
    return Rows(own, people)


@pytest.fixture(scope="session")
def observations(openapi: OpenApi, plan: Plan, worker: str) -> Iterator[Observations]:
    """What is watched over the whole run."""
    found = Observations(openapi)
    yield found
    found.write(Path(plan.folder) / f"observations-{worker}.json")


@pytest.fixture(scope="session")
def worker(request: pytest.FixtureRequest) -> str:
    """Name of this process within the run."""
    return str(getattr(request.config, "workerinput", {}).get("workerid", "gw0"))


@pytest.fixture(scope="session")
def recorder(observations: Observations) -> Recorder:
    """Keeps the exchanges of the running check."""
    return Recorder(observers=[observations.reply])


@pytest.fixture(autouse=True)
def _begin(request: pytest.FixtureRequest, recorder: Recorder, observations: Observations) -> None:
    recorder.begin()
    observations.begin(request.node.function.check.id)
    request.node.stash[RECORDER] = recorder


RECORDER: pytest.StashKey[Recorder] = pytest.StashKey()


@pytest.fixture(scope="session")
def falsifier(request: pytest.FixtureRequest) -> Falsifier:
    """What stands between suite and service in the suite's own tests."""
    return request.config.stash[FALSIFIER]


FALSIFIER: pytest.StashKey[Falsifier] = pytest.StashKey()


@pytest.fixture(scope="session")
def project(plan: Plan, falsifier: Falsifier) -> Project:
    """The project on disk, as the checks of its files see it."""
    assert plan.project is not None, "the run has no project: declare needs={'project'}"
    real = Project.read(Path(plan.project))
    return Project(falsifier.project(real.folder, Path(plan.folder)), real.answers, real.procfile)


@pytest.fixture(scope="session")
def launcher(  # noqa: PLR0913, PLR0917 - everything that a service is started from
    plan: Plan,
    worker: str,
    recorder: Recorder,
    observations: Observations,
    falsifier: Falsifier,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Launcher]:
    """Starts services."""
    assert plan.project is not None, "the run has no project: declare the means that the check needs"
    assert plan.signing_key is not None
    found = Launcher(
        project=Project.read(Path(plan.project)),
        folder=tmp_path_factory.mktemp("services"),
        servers=plan.servers or {},
        key=keys.SigningKey.from_pem(plan.signing_key),
        recorder=recorder,
        observations=observations,
        falsifier=falsifier,
        slot=int(worker.removeprefix("gw")),
    )
    for name, value in found.settings().items():
        if name in _SECRETS:
            observations.secret(name, value)
    for server in found.servers.values():
        observations.secret(f"password of {server.kind}", urlsplit(server.service_url).password or "")
    yield found
    found.close()


_SECRETS = frozenset({"AUTH_JWT_PRIVATE_KEY", "BOOTSTRAP_ADMIN_PASSWORD", "METRICS_TOKEN", "BOOTSTRAP_ADMIN_EMAIL"})


@pytest.fixture(scope="session")
def service(plan: Plan, recorder: Recorder, observations: Observations, request: pytest.FixtureRequest) -> Service:
    """The service that most checks share."""
    if plan.url is None:
        return cast("Launcher", request.getfixturevalue("launcher")).main()
    observations.served = OpenApi.served(plan.url)
    target = Target(plan.url, plan.answers, recorder, plan.admin, plan.metrics_token, patient=True)
    # A check that touches more than a Target has did not declare its means; the AttributeError tells.
    return cast("Service", target)


@pytest.fixture(scope="session")
def _shared_api(service: Service) -> Iterator[Api]:
    caller = service.api()
    yield caller
    caller.close()


@pytest.fixture
def api(_shared_api: Api) -> Api:
    """An anonymous caller of the shared service."""
    return _shared_api


@pytest.fixture(scope="session")
def people(service: Service, observations: Observations) -> People:
    """The accounts of the shared service."""
    return People(service, observations)


@pytest.fixture(scope="session")
def shop(people: People) -> Shop:
    """The sample domain of the shared service."""
    return Shop(people)


@pytest.fixture(scope="session")
def database(service: Service) -> Database:
    """The shared service's database."""
    return service.database


@pytest.fixture(scope="session")
def logs(service: Service) -> Logbook:
    """The shared service's standard output."""
    return service.logs


@pytest.fixture(scope="session")
def forge(launcher: Launcher) -> keys.TokenForge:
    """Makes access tokens as the service does."""
    return keys.TokenForge(launcher.key, ISSUER, AUDIENCE)


@pytest.fixture
def spawn(launcher: Launcher, observations: Observations) -> Iterator[Spawn]:
    """Starts services that end with the check."""
    with Spawn(launcher, observations) as factory:
        yield factory


@pytest.fixture(scope="module")
def spawn_shared(launcher: Launcher, observations: Observations) -> Iterator[Spawn]:
    """Starts services that end with the module's checks."""
    with Spawn(launcher, observations) as factory:
        yield factory


@pytest.fixture
def fault_proxy(launcher: Launcher) -> Iterator[Callable[..., FaultProxy]]:
    """Puts fault proxies before the run's servers; closed after the check."""
    opened: list[FaultProxy] = []

    def open_proxy(server: str | None = None) -> FaultProxy:
        parts = urlsplit(launcher.servers[server or launcher.dialect].service_url)
        assert parts.hostname is not None
        assert parts.port is not None
        proxy = FaultProxy(parts.hostname, parts.port)
        opened.append(proxy)
        return proxy

    yield open_proxy
    for proxy in opened:
        proxy.close()


@pytest.fixture(scope="module")
def otlp(falsifier: Falsifier) -> Iterator[TraceReceiver]:
    """Receives traces for the checks of a module."""
    with TraceReceiver(falsifier.span) as receiver:
        yield receiver
