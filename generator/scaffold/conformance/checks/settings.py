"""Settings: all faults at once before the port is bound, secrets from files, and what production refuses."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

import pytest

from scaffold.conformance import contract, expect, workers
from scaffold.conformance.certificates import self_signed_certificate
from scaffold.conformance.keys import SigningKey
from scaffold.conformance.network import free_port, listens, wait_until
from scaffold.conformance.registry import check
from scaffold.conformance.service import ADMIN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scaffold.conformance.accounts import People
    from scaffold.conformance.client import Api
    from scaffold.conformance.database import Database
    from scaffold.conformance.fixtures import Spawn
    from scaffold.conformance.process import Process
    from scaffold.conformance.service import Launcher

_NEEDS = {"process", "settings"}
_REFUSED = 78
"""EX_CONFIG of BSD's sysexits."""


class Refusal:
    """Starts `web` with settings that it must refuse."""

    def __init__(self, launcher: Launcher) -> None:
        self._launcher = launcher
        self._base = launcher.settings(DATABASE_URL="sqlite:////nowhere/x.db")
        if launcher.dialect != "sqlite":
            self._base["DATABASE_URL"] = {
                "postgresql": "postgresql://canary:canary-password@127.0.0.1:1/x",
                "mysql": "mysql://canary:canary-password@127.0.0.1:1/x",
            }[launcher.dialect]
        if launcher.project.answers.get("redis"):
            self._base["REDIS_URL"] = "redis://:canary-password@127.0.0.1:1/0"

    @property
    def settings(self) -> Mapping[str, str]:
        """The settings that are changed."""
        return self._base

    def faults(self, **changes: str | None) -> list[str]:
        """The variables that the service names, after it has refused to start."""
        process, port = self.start(**changes)
        code = process.wait(10)
        bound = listens(port)
        process.kill()
        shown = process.stderr.text
        expect.same(f"exit code with {_names(changes)}; stderr: {shown[-1500:]}", code, _REFUSED)
        expect.that(not bound, "the port was bound")
        for name, value in changes.items():
            if value and len(value) > 6 and not name.endswith("_FILE"):
                expect.that(value not in shown + process.stdout.text, f"the value of {name} is printed: {shown}")
        lines = [line for line in shown.splitlines() if line.strip()]
        names = [line.partition(":")[0].strip() for line in lines]
        expect.that(
            all(name.replace("_", "").isalnum() and name.isupper() for name in names),
            f"expected lines `NAME: reason` alone on stderr, got: {shown[-1500:]}",
        )
        return names

    def start(self, **changes: str | None) -> tuple[Process, int]:
        """Start with these changes to settings that work."""
        port = free_port()
        merged = {**self._base, "PORT": str(port), **changes}
        return self._launcher.command("web", {name: value for name, value in merged.items() if value is not None}), port


@pytest.fixture
def refusal(launcher: Launcher) -> Refusal:
    """Starts services that must refuse."""
    return Refusal(launcher)


def _names(changes: Mapping[str, str | None]) -> str:
    return ", ".join(changes)


def _required(answers: Mapping[str, object]) -> list[str]:
    return [setting.name for setting in contract.settings(answers).values() if setting.required]


@check(
    "CFG01",
    "Without a required variable: exit code 78, its name, no port; all missing ones are named at once.",
    source="The Twelve-Factor App III; contract 5",
    needs=_NEEDS,
)
@pytest.mark.parametrize("how", ["one by one", "all", "empty"])
def check_required(refusal: Refusal, answers: Mapping[str, object], how: str) -> None:
    required = _required(answers)
    if how == "one by one":
        for name in required:
            expect.same("names", refusal.faults(**{name: None}), [name])
    else:
        names = refusal.faults(**dict.fromkeys(required, None if how == "all" else ""))
        expect.same("names", sorted(names), sorted(required))


def _bad_values(answers: Mapping[str, object]) -> dict[str, list[str]]:
    """For each setting, values outside its type or bounds."""
    by_type = {
        "integer": ["1e3", "0x10", " 5", "5 ", "+5", "-1", "1.0", "1_000", "five", "١٢٣", "99999999999999999999"],
        "boolean": ["yes", "1", "TRUE", "on", " true", "t"],
        "rate": ["300", "300/", "/60", "300/60/1", "300 / 60", "0/60", "300/0", "-1/60", "3e2/60", "300/minute"],
        "url": ["nonsense", "ftp://canary.example/x", "canary.example:5432/x", "://canary"],
        "pem": ["not a key at all", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"],
        "email": ["no address", "canary@", "@canary.example"],
    }
    of_lists = {
        "TRUSTED_PROXIES": ["canary.example", "10.0.0.0/33", "300.1.1.1", "10.0.0.1;10.0.0.2", "10.0.0.1 10.0.0.2",
                            "10.0.0.1,nonsense", "::1/129", "*", "10.0.0.1/8/8", "10.0.0"],
        "CORS_ALLOWED_ORIGINS": ["canary.example", "https://canary.example/path", "https://canary.example/", "ftp://canary.example",
                                 "https://*.canary.example", "https://a.example;https://b.example", "null", "https://",
                                 "https://a.example,nonsense", "https://user@canary.example"],
    }  # fmt: skip
    values: dict[str, list[str]] = {}
    for setting in contract.settings(answers).values():
        found = [*by_type.get(setting.type, ()), *of_lists.get(setting.name, ())]
        if setting.type == "enum":
            found = ["nonsense", setting.values[0].upper(), f" {setting.values[0]}"]
        if setting.minimum is not None:
            found.append(str(setting.minimum - 1))
        if setting.maximum is not None:
            found.append(str(setting.maximum + 1))
        if found:
            values[setting.name] = found
    return values


@check(
    "CFG02",
    "Every bad value of every typed variable is refused, all at once and never printed.",
    source="contract 5, 11.20; ASVS 13.4.2",
    needs=_NEEDS,
)
@pytest.mark.parametrize("round_", range(13))
def check_bad_values(refusal: Refusal, answers: Mapping[str, object], round_: int) -> None:
    # One start for the first bad value of every variable, one for the second, and so on.
    chosen = {name: values[round_] for name, values in _bad_values(answers).items() if round_ < len(values)}
    chosen.pop("PORT", None)
    if not chosen:
        return
    named = set(refusal.faults(**chosen))
    taken = {name: value for name, value in chosen.items() if name not in named}
    expect.same("values that are not refused", taken, {})
    expect.same("others that are refused", sorted(named - chosen.keys()), [])


@check("CFG09", "A bad PORT is refused.", source="contract 5, 11.20", needs=_NEEDS)
def check_bad_port(refusal: Refusal) -> None:
    for value in ("0", "65536", "http", "80 80"):
        expect.same("names", refusal.faults(PORT=value), ["PORT"])


@check(
    "CFG03",
    "A secret may come from the file that X_FILE names, but not from both.",
    source="contract 5, 11.20; ASVS 13.3.1",
    needs=_NEEDS,
)
def check_secret_files(refusal: Refusal, launcher: Launcher, spawn: Spawn, tmp_path: Path) -> None:
    secrets = [setting for setting in contract.settings(launcher.project.answers).values() if setting.file]
    database = launcher.new_database()
    values = launcher.settings(DATABASE_URL=database.service_url)
    if launcher.project.answers.get("redis"):
        values["REDIS_URL"] = launcher.redis_url()
    previous = SigningKey.generate()
    values["AUTH_JWT_PREVIOUS_PUBLIC_KEYS"] = previous.public_pem
    changes: dict[str, str | None] = {}
    for setting in secrets:
        file = tmp_path / setting.name
        file.write_text(values[setting.name].rstrip("\n") + "\n")
        changes |= {setting.name: None, f"{setting.name}_FILE": str(file)}
    service = spawn(target=database, settings=changes)
    people = spawn.people(service)
    expect.status(people.admin.api.get("/v1/me"), 200)
    token = values["METRICS_TOKEN"]
    expect.status(service.api().with_token(token).get("/metrics"), 200)
    kids = {entry["kid"] for entry in service.api().get("/.well-known/jwks.json").json()["keys"]}
    expect.that(previous.thumbprint in kids, f"expected the previous key of the file in the key set, got {kids}")
    service.stop()

    both = {f"{setting.name}_FILE": changes[f"{setting.name}_FILE"] for setting in secrets}
    both["AUTH_JWT_PREVIOUS_PUBLIC_KEYS"] = previous.public_pem
    names = {name.removesuffix("_FILE") for name in refusal.faults(**both)}
    expect.same("names with X and X_FILE", names, {setting.name for setting in secrets})


@check(
    "CFG04",
    "A file that cannot be read, or is a folder, is a fault of its variable.",
    source="contract 5, 11.20",
    needs=_NEEDS,
)
@pytest.mark.parametrize("kind", ["missing", "folder", "empty", "no text"])
def check_bad_secret_files(refusal: Refusal, tmp_path: Path, kind: str) -> None:
    file = tmp_path / "secret"
    if kind == "folder":
        file.mkdir()
    elif kind != "missing":
        file.write_bytes(b"" if kind == "empty" else b"\xff\xfe\x00\x01")
    changes: dict[str, str | None] = {}
    for name in ("AUTH_JWT_PRIVATE_KEY", "METRICS_TOKEN"):
        changes |= {name: None, f"{name}_FILE": str(file)}
    names = [name.removesuffix("_FILE") for name in refusal.faults(**changes)]
    expect.same("names", sorted(names), ["AUTH_JWT_PRIVATE_KEY", "METRICS_TOKEN"])


def _refused_in_production() -> dict[str, dict[str, str | None]]:
    return {
        "short key": {"AUTH_JWT_PRIVATE_KEY": SigningKey.generate(1024).pem},
        "http issuer": {"AUTH_ISSUER": "http://canary.example"},
        "any origin": {"CORS_ALLOWED_ORIGINS": "*"},
        "pretty log": {"LOG_FORMAT": "pretty"},
        "open metrics": {"METRICS_TOKEN": None},
    }


@check(
    "CFG05",
    "What is fit for development alone is refused in production.",
    source="contract 5; ASVS 13.4.2",
    needs=_NEEDS,
)
@pytest.mark.parametrize("case", list(_refused_in_production()))
def check_production_refuses(refusal: Refusal, case: str) -> None:
    changes = _refused_in_production()[case]
    expect.same("names", refusal.faults(**changes), list(changes))
    expect.same("names with APP_ENV unset", refusal.faults(**changes, APP_ENV=None), list(changes))


@check(
    "CFG22",
    "A SHUTDOWN_DELAY_MS that leaves no time of SHUTDOWN_TIMEOUT_MS is refused.",
    source="contract 5, 6",
    needs=_NEEDS,
)
def check_shutdown_delay_below_timeout(refusal: Refusal) -> None:
    # In development too: it is no matter of taste.
    for changes in ({"SHUTDOWN_DELAY_MS": "1500", "SHUTDOWN_TIMEOUT_MS": "1500"}, {"SHUTDOWN_DELAY_MS": "20000"}):
        names = refusal.faults(**changes, APP_ENV="development")
        expect.same("names", names, ["SHUTDOWN_DELAY_MS"])


@check(
    "CFG17",
    "WEB_CONCURRENCY is the number of processes, where the stack has them; production refuses several without Redis.",
    source="contract 5",
    needs=_NEEDS,
)
def check_several_processes(refusal: Refusal, spawn: Spawn, launcher: Launcher, answers: Mapping[str, object]) -> None:
    several = contract.stack(launcher.project.stack).several_workers
    if several and not answers.get("redis"):
        expect.same("names", refusal.faults(WEB_CONCURRENCY="2"), ["WEB_CONCURRENCY"])
    # Elsewhere they are warned of, and work.
    service = spawn(APP_ENV="development", WEB_CONCURRENCY="2")
    expect.same("processes that answer, of 2", len(workers.serving(service)), 2 if several else 1)
    service.stop()
    expect.same("processes that answer, by default", len(workers.serving(spawn())), 1)


@check("CFG10", "An address of loopback may be an http issuer in production.", source="contract 5", needs=_NEEDS)
def check_loopback_issuer(spawn: Spawn) -> None:
    spawn(AUTH_ISSUER="http://localhost:8000")


@check(
    "CFG06",
    "What production refuses, development warns of, and works with.",
    source="contract 11.20",
    needs=_NEEDS | {"logs"},
)
def check_development_warns(spawn: Spawn) -> None:
    service = spawn(
        APP_ENV="development", AUTH_ISSUER="http://canary.example", CORS_ALLOWED_ORIGINS="*", METRICS_TOKEN=None
    )
    expect.status(service.api().get("/metrics"), 200)
    warned = [line["message"] for line in service.logs.lines() if line.get("level") == "warn"]
    text = "\n".join(warned) + service.process.stderr.text
    for name in ("AUTH_ISSUER", "CORS_ALLOWED_ORIGINS"):
        expect.that(name in text, f"expected a warning that names {name}, got {warned}")
    service.stop()


@check("CFG07", "No secret stands in the command line of a process.", source="ASVS 13.3.1", needs=_NEEDS)
def check_command_line(spawn: Spawn) -> None:
    service = spawn()
    secrets = [
        service.settings[name]
        for name in ("DATABASE_URL", "METRICS_TOKEN", "AUTH_JWT_PRIVATE_KEY", "BOOTSTRAP_ADMIN_PASSWORD")
    ]
    commands = _commands(service.process.pid)
    expect.that(commands, "the service has no process")
    for command in commands:
        for secret in secrets:
            expect.that(secret not in command, f"a secret stands in the command line: {command[:300]}")


def _commands(leader: int) -> list[str]:
    """The command lines of a process group, as any user of the machine can read them."""
    command = ["ps", "-A", "-ww", "-o", "pgid=,args="]
    listing = subprocess.run(command, capture_output=True, text=True, check=True)
    lines = (line.split(maxsplit=1) for line in listing.stdout.splitlines())
    return [words[1] for words in lines if len(words) > 1 and int(words[0]) == leader]


@check(
    "CFG08",
    "The first administrator is made once: no default account, and none is reset.",
    source="ASVS 6.3.2; contract 3",
    needs=_NEEDS | {"sql"},
)
def check_first_administrator(launcher: Launcher, spawn: Spawn) -> None:
    database = launcher.empty_database()
    launcher.release(database, BOOTSTRAP_ADMIN_EMAIL=None, BOOTSTRAP_ADMIN_PASSWORD=None)
    expect.same("accounts after a release without an administrator", database.count("users"), 0)
    launcher.release(database)
    rows = database.rows("users")
    expect.same("accounts", [(row["email"], row["role"]) for row in rows], [(ADMIN.email, "admin")])
    launcher.release(database, BOOTSTRAP_ADMIN_PASSWORD="canary-another-password")  # noqa: S106 - of a throw-away service
    expect.same("accounts after another release", database.rows("users"), rows)
    service = spawn(target=database, BOOTSTRAP_ADMIN_PASSWORD="canary-third-password")  # noqa: S106 - of a throw-away service
    expect.same("accounts after a start", database.rows("users"), rows)
    spawn.people(service).login(ADMIN.email, ADMIN.password)


@check(
    "CFG11",
    "A bootstrap account that exists as a user is left as it is.",
    source="contract 3; ASVS 6.3.2",
    needs=_NEEDS | {"sql"},
)
def check_bootstrap_does_not_promote(launcher: Launcher, people: People, database: Database) -> None:
    user = people.new()
    before = database.row("users", user.id)
    launcher.release(
        database,
        BOOTSTRAP_ADMIN_EMAIL=user.email,
        BOOTSTRAP_ADMIN_PASSWORD="canary-other-password",  # noqa: S106 - of a throw-away service
    )
    expect.same("the account", database.row("users", user.id), before)


@check("CFG12", "`release` refuses bad settings as `web` does.", source="contract 5", needs=_NEEDS)
def check_release_refuses(launcher: Launcher) -> None:
    settings = launcher.settings(DB_POOL_SIZE="many")
    process = launcher.command("release", settings)
    code = process.wait(30)
    process.kill()
    expect.same(f"exit code; stderr: {process.stderr.text[-1500:]}", code, _REFUSED)
    for name in ("DATABASE_URL", "DB_POOL_SIZE"):
        expect.that(f"{name}: " in process.stderr.text, f"expected {name} on stderr, got {process.stderr.text}")


@check("CFG13", "An unset or empty variable means its default.", source="contract 5", needs=_NEEDS)
def check_empty_is_unset(spawn: Spawn) -> None:
    service = spawn(
        AUTH_ACCESS_TTL_SECONDS="",
        LOG_LEVEL="",
        CORS_ALLOWED_ORIGINS="",
        MAX_BODY_BYTES="",
        DOCS_ENABLED="",
        RATE_LIMIT_DEFAULT="",
        METRICS_TOKEN_FILE="",
    )
    user = spawn.people(service).new()
    claims = user.session.claims
    expect.same("life of an access token", claims["exp"] - claims["iat"], 900)
    reply = user.api.get("/v1/me")
    policy = reply.headers.get("ratelimit-policy", "")
    expect.same("RateLimit-Policy", expect.parameters(policy), {"q": "300", "w": "60"}, reply)
    expect.status(service.api().get("/openapi.json"), 404)
    expect.status(service.api().get("/docs"), 404)


@check(
    "CFG14",
    "Variables of the contract that are not the project's are ignored, as any other of the environment.",
    source="The Twelve-Factor App III",
    needs=_NEEDS,
)
def check_unknown_variables(spawn: Spawn, answers: Mapping[str, object]) -> None:
    everything = contract.settings(dict(answers) | {"sample": True, "redis": True})
    others = dict.fromkeys(everything.keys() - contract.settings(answers).keys(), "nonsense")
    service = spawn(
        environment=others
        | {
            "UNKNOWN_SETTING": "x",
            # What frameworks, servers and libraries read by themselves: none of them is the contract's.
            "DEBUG": "*",
            "NODE_ENV": "development",
            "GUNICORN_CMD_ARGS": "--workers=3 --forwarded-allow-ips=*",
            "FORWARDED_ALLOW_IPS": "*",
            "GIN_MODE": "debug",
            "SERVER_PORT": "1",
            "SPRING_PROFILES_ACTIVE": "x",
        }
    )
    expect.problem(service.api().get("/v1/unknown"), 404)
    expect.status(spawn.people(service).register(), 201)
    secure = service.api().get("/livez", headers={"X-Forwarded-Proto": "https"})
    expect.header(secure, "strict-transport-security", None)
    expect.same("processes that answer", len(workers.serving(service)), 1)


@check(
    "CFG15",
    "MAX_BODY_BYTES is the limit, to the byte; 1 MiB where it is not set.",
    source="contract 5; RFC 9110 §15.5.14; OWASP API4:2023",
    needs=_NEEDS,
)
def check_body_limit(spawn: Spawn, api: Api) -> None:
    body = b'{"email": "nobody@people.suite.example", "password": "canary-password"}'
    for caller, limit in ((spawn(MAX_BODY_BYTES="2048").api(), 2048), (api, 1_048_576)):
        reply = caller.post("/v1/auth/login", content=body.ljust(limit), media_type="application/json")
        expect.problem(reply, 401, "invalid-credentials")
        reply = caller.post("/v1/auth/login", content=body.ljust(limit + 1), media_type="application/json")
        expect.problem(reply, 413)


@check(
    "CFG18",
    "DATABASE_URL takes the parameters that the contract names, and refuses any other.",
    source="contract 5 (settings.yaml)",
    needs=_NEEDS,
)
def check_database_parameters(refusal: Refusal, launcher: Launcher) -> None:
    url = str(refusal.settings["DATABASE_URL"])
    known = contract.settings(launcher.project.answers)["DATABASE_URL"].parameters[launcher.dialect]
    for stray in ("nonsense=1", "connect_timeout=1", *(f"{name.upper()}=x" for name in known)):
        expect.same(f"names with {stray}", refusal.faults(DATABASE_URL=f"{url}?{stray}"), ["DATABASE_URL"])


#: TLS that no server of the suite has, so that a connection at all is one in the clear.
_TLS = {"postgresql": ["sslmode=require", "sslmode=verify-full"], "mysql": ["ssl_ca={pem}"]}


@check(
    "CFG19",
    "Where DATABASE_URL asks for TLS, the service never talks to its database in the clear.",
    source="contract 5 (settings.yaml); ASVS 12.3.1",
    needs=_NEEDS | {"sql"},
    databases={"postgresql", "mysql"},
)
def check_database_tls(launcher: Launcher, spawn: Spawn, tmp_path: Path) -> None:
    file = tmp_path / "authority.pem"
    file.write_text(self_signed_certificate())
    for parameters in _TLS[launcher.dialect]:
        database = launcher.new_database()
        url = f"{database.service_url}?{parameters.format(pem=file)}"
        service = spawn(target=database, wait=False, DATABASE_URL=url)
        expect.that(
            wait_until(service.alive, 30), f"not alive with {parameters}: {service.process.stderr.text[-1500:]}"
        )
        reply = service.api().get("/readyz")
        body = expect.problem(reply, 503)
        expect.same(f"checks.database with {parameters}", body.get("checks", {}).get("database"), "fail", reply)
        service.stop()


@check(
    "CFG21",
    "HOST is the address that is listened on, and no other; by default it is every one.",
    source="contract 5",
    needs=_NEEDS,
)
def check_host(spawn: Spawn) -> None:
    # All of 127.0.0.0/8 is this machine on Linux; elsewhere the second address is that of IPv6.
    other = "127.0.0.2" if sys.platform == "linux" else "::1"
    service = spawn(wait=False, HOST=other)
    port = int(service.settings["PORT"])
    expect.that(wait_until(lambda: _listens_on(other, port), 30), f"expected somebody to listen on {other}")
    expect.that(not listens(port), f"expected nobody but on {other}")
    service.stop()
    everywhere = int(spawn(HOST=None).settings["PORT"])
    expect.that(_listens_on(other, everywhere) or sys.platform != "linux", f"expected somebody on {other}, too")


def _listens_on(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return False
    return True


@check(
    "CFG20",
    "DATABASE_URL may be postgres://, name the application and its channel binding, and lead to a Unix socket.",
    source="contract 5 (settings.yaml); PostgreSQL (Connection URIs)",
    needs=_NEEDS | {"sql"},
    databases={"postgresql"},
)
@pytest.mark.parametrize("form", ["postgres", "host parameter", "encoded host"])
def check_forms_of_url(launcher: Launcher, spawn: Spawn, form: str) -> None:
    database = launcher.new_database()
    parts = urlsplit(database.service_url)
    login = f"{parts.username}:{parts.password}"
    folder = database.one("SHOW unix_socket_directories")["unix_socket_directories"]
    port = database.one("SHOW port")["port"]
    url = {
        "postgres": f"postgres://{parts.netloc}{parts.path}?application_name=canary-name&channel_binding=prefer",
        "host parameter": f"postgresql://{login}@:{port}{parts.path}?host={folder}&application_name=canary-name",
        "encoded host": f"postgresql://{login}@{quote(folder, safe='')}:{port}{parts.path}?application_name=canary-name",
    }[form]
    service = spawn(target=database, DATABASE_URL=url)
    expect.status(spawn.people(service).register(), 201)
    names = database.query("SELECT application_name FROM pg_stat_activity WHERE datname = current_database()")
    expect.that("canary-name" in {row["application_name"] for row in names}, f"expected the name, got {names}")
