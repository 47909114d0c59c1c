"""The service under test: started from the project's `Procfile` with a database of its own."""

from __future__ import annotations

import contextlib
import itertools
import signal
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

import httpx
import redis

from scaffold.conformance import contract, database
from scaffold.conformance.client import Api
from scaffold.conformance.errors import NoServiceError, StartError
from scaffold.conformance.logbook import Logbook
from scaffold.conformance.network import LOOPBACK, free_port, wait_until
from scaffold.conformance.openapi import OpenApi
from scaffold.conformance.process import Process, Unread
from scaffold.conformance.raw import RawConnection
from scaffold.conformance.results import Credentials
from scaffold.conformance.servers.redis import DATABASES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from scaffold.conformance.database import Database
    from scaffold.conformance.exchange import Recorder
    from scaffold.conformance.falsifying import Falsifier
    from scaffold.conformance.keys import SigningKey
    from scaffold.conformance.observing import Observations
    from scaffold.conformance.project import Project
    from scaffold.conformance.servers import Server

ADMIN = Credentials("admin@suite.example", "canary-admin-password-91f3")
METRICS_TOKEN = "canary-metrics-token-5a0c"  # noqa: S105 - of a throw-away service
ISSUER = "https://issuer.suite.example"
AUDIENCE = "suite"
ORIGIN = "https://app.suite.example"
UNLIMITED = "1000000/60"
_RELEASE_TIMEOUT = 120.0
_START_TIMEOUT = 30.0


@dataclass
class Target:
    """A running service as every check sees it, whoever started it."""

    url: str
    answers: Mapping[str, object]
    recorder: Recorder
    admin: Credentials | None = None
    metrics_token: str | None = None
    patient: bool = False

    @property
    def host(self) -> str:
        """Host name of the address."""
        return urlsplit(self.url).hostname or LOOPBACK

    @property
    def port(self) -> int:
        """Port of the address."""
        parts = urlsplit(self.url)
        return parts.port or (443 if parts.scheme == "https" else 80)

    def api(self) -> Api:
        """A new anonymous caller."""
        return Api(self.url, self.recorder, patient=self.patient)

    def raw(self, *, timeout: float = 15.0) -> RawConnection:
        """A new bare TCP connection."""
        return RawConnection(self.host, self.port, self.recorder, timeout)


@dataclass
class Service(Target):
    """A service that the suite started itself."""

    settings: Mapping[str, str] = field(default_factory=dict)
    """The environment it was started with."""
    process: Process = field(kw_only=True)
    database: Database = field(kw_only=True)
    logs: Logbook = field(kw_only=True)
    redis: redis.Redis | None = None
    """A connection to the service's own Redis database, where the project has one."""
    observations: Observations | None = None
    check: str = ""
    """The check that started it."""
    _stopped: bool = False

    def alive(self) -> bool:
        """Whether /livez answers 200."""
        return _status(self.url, "/livez") == httpx.codes.OK

    def ready(self) -> bool:
        """Whether /readyz answers 200."""
        return _status(self.url, "/readyz") == httpx.codes.OK

    def wait_ready(self, timeout: float = _START_TIMEOUT) -> bool:
        """Wait until it is ready, or has ended."""
        wait_until(lambda: self.process.exit_code is not None or self.ready(), timeout)
        return self.process.exit_code is None and self.ready()

    def terminate(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Send SIGTERM, as a container runtime does."""
        self.process.signal(number)

    def stop(self) -> None:
        """End it, if it still runs, and have its output examined by the run-wide checks, once."""
        if self._stopped:
            return
        self._stopped = True
        self.process.stop()
        if self.redis is not None:
            self.redis.close()
        if self.observations is not None:
            self.observations.output(self.process, self.check)


@dataclass
class Launcher:
    """Starts services of one project, each with a database and settings as asked for."""

    project: Project
    folder: Path
    servers: Mapping[str, Server]
    key: SigningKey
    recorder: Recorder
    observations: Observations
    falsifier: Falsifier
    slot: int = 0
    """Which of the run's processes this is; keeps their Redis databases apart."""
    _services: list[Service] = field(default_factory=list)
    _databases: list[Database] = field(default_factory=list)
    _pristine: Database | None = None
    _start_error: NoServiceError | None = None
    _redis_numbers: Any = field(default_factory=lambda: itertools.count(1))

    @property
    def dialect(self) -> Any:
        """The kind of database."""
        return self.project.answers.get("database", "sqlite")

    def settings(self, **changes: str | None) -> dict[str, str]:
        """Settings with which a production service starts; a change to None leaves a variable unset."""
        own = {
            "APP_ENV": "production",
            "HOST": LOOPBACK,
            "AUTH_ISSUER": ISSUER,
            "AUTH_AUDIENCE": AUDIENCE,
            "AUTH_JWT_PRIVATE_KEY": self.key.pem,
            "BOOTSTRAP_ADMIN_EMAIL": ADMIN.email,
            "BOOTSTRAP_ADMIN_PASSWORD": ADMIN.password,
            "RATE_LIMIT_DEFAULT": UNLIMITED,
            "RATE_LIMIT_LOGIN": UNLIMITED,
            "CORS_ALLOWED_ORIGINS": f"{ORIGIN},https://other.suite.example",
            "METRICS_TOKEN": METRICS_TOKEN,
            "DOCS_ENABLED": "true",
        }
        own_known = {name: own[name] for name in contract.settings(self.project.answers) if name in own}
        merged = self.project.own_settings() | own_known | changes
        return {name: value for name, value in merged.items() if value is not None}

    def redis_url(self) -> str:
        """The address of a Redis database that no other service of the run uses."""
        number = self.slot * (DATABASES // 16) + next(self._redis_numbers)
        url = self.servers["redis"].service_url.rstrip("/")
        with redis.Redis.from_url(f"{url}/{number}") as client:
            client.flushdb()
        return f"{url}/{number}"

    def empty_database(self) -> Database:
        """A new database without tables."""
        new = database.create(self.dialect, self.folder, self.servers.get(self.dialect))
        self._databases.append(new)
        return new

    def new_database(self) -> Database:
        """A new database after `release`, with the first administrator and nothing else."""
        if self._pristine is None:
            pristine = self.empty_database()
            self.release(pristine)
            self._pristine = pristine
        copy = self._pristine.clone()
        self._databases.append(copy)
        self.falsifier.prepared(copy)
        return copy

    def command(
        self,
        name: str,
        settings: Mapping[str, str],
        *,
        cwd: Path | None = None,
        confined: bool = False,
        unread: Unread | None = None,
    ) -> Process:
        """Start a line of the `Procfile` with exactly these settings."""
        environment = self.project.environment() | dict(settings)
        return Process(
            self.falsifier.command(name, self.project.procfile[name]),
            env=self.falsifier.environment(name, environment),
            cwd=cwd or self.falsifier.source(name, self.project.folder, self.folder),
            stdout_filter=self.falsifier.stdout,
            confined=confined,
            unread=unread,
        )

    def release(self, target: Database, **changes: str | None) -> Process:
        """Run `release` on a database, to its end.

        Raises:
            StartError: It failed.
        """
        settings = self.settings(DATABASE_URL=target.service_url, **changes)
        if self.project.answers.get("redis"):
            settings.setdefault("REDIS_URL", self.redis_url())
        process = self.command("release", settings)
        code = process.wait(_RELEASE_TIMEOUT)
        self.observations.output(process, self.observations.current)
        if code != 0:
            process.kill()
            message = f"`release` of {self.project.name} ended with {code}"
            raise StartError(message, hint=_tail(process))
        return process

    def start(  # noqa: PLR0913 - each a keyword of the checks
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
        """Start `web`.

        Args:
            target: Its database; a new one, released, if not given.
            environment: Variables that are no settings of the contract (TZ, LANG, OpenTelemetry's own).
            cwd: Its working directory, the project's folder if not given.
            wait: Return only when it is ready.
            confined: It may write only where the modes of files let it, even as root.
            unread: Nobody reads its standard output, in this way.
            settings: As `changes`, for names that are computed.
            changes: Settings that differ from `settings()`; None leaves one unset.

        Raises:
            StartError: It was to be waited for, and did not become ready.
        """
        target = target or self.new_database()
        merged = {"DATABASE_URL": target.service_url, "PORT": str(free_port())} | dict(settings or {}) | changes
        own = self.settings(**merged)
        port = int(own["PORT"])
        client: redis.Redis | None = None
        if self.project.answers.get("redis") and "REDIS_URL" not in merged:
            own["REDIS_URL"] = self.redis_url()
        if "REDIS_URL" in own and wait:
            client = redis.Redis.from_url(own["REDIS_URL"])
        process = self.command("web", own | dict(environment or {}), cwd=cwd, confined=confined, unread=unread)
        host, port = self.falsifier.address(LOOPBACK, port)
        service = Service(
            url=f"http://{host}:{port}",
            answers=self.project.answers,
            recorder=self.recorder,
            admin=ADMIN,
            metrics_token=own.get("METRICS_TOKEN"),
            settings=own,
            process=process,
            database=target,
            logs=Logbook(process.stdout),
            redis=client,
            observations=self.observations,
            check=self.observations.current,
        )
        self._services.append(service)
        if wait and not service.wait_ready():
            message = f"`web` of {self.project.name} did not become ready in {_START_TIMEOUT:.0f} s"
            if process.exit_code is not None:
                message = f"`web` of {self.project.name} ended with {process.exit_code}"
            raise StartError(message, hint=_tail(process))
        if wait and self.observations.served is None:
            self.observations.served = OpenApi.served(service.url)
        return service

    def main(self) -> Service:
        """The service that most checks share.

        Raises:
            NoServiceError: It did not start; remembered, so that not every check waits for it again.
        """
        if self._start_error is not None:
            raise self._start_error
        try:
            return self.start()
        except StartError as error:
            self._start_error = NoServiceError(error.message, hint=error.hint)
            raise self._start_error from error

    def close(self) -> None:
        """End all services, remove all databases."""
        for service in reversed(self._services):
            with contextlib.suppress(Exception):
                service.stop()
        for used in self._databases:
            with contextlib.suppress(Exception):
                used.drop()
        self.falsifier.close()


def through(url: str, port: int) -> str:
    """A server's URL through a proxy on a local port."""
    parts = urlsplit(url)
    login, at, _ = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{login}{at}{LOOPBACK}:{port}"))


def _status(url: str, path: str) -> int | None:
    try:
        return httpx.get(url + path, timeout=2.0, trust_env=False).status_code
    except httpx.HTTPError:
        return None


def _tail(process: Process) -> str:
    return f"stderr:\n{process.stderr.text[-3000:]}\nstdout:\n{process.stdout.text[-1500:]}"
