"""The table: each lie, and the check that must find it. At least one for each group of the suite."""

from __future__ import annotations

import contextlib
import json
import re
import sqlite3
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lies import Environment, Falsification, Line, Reply, Spans, Sql, Tree, Wrapper, without
from lying_proxy import Exchange, LyingProxy, Message

from scaffold.conformance.falsifying import Falsifier

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from scaffold.conformance.database import Database
    from scaffold.conformance.otlp import Span


def status(method: str, path: str, before: int, after: int) -> Reply:
    """Change a status."""

    def change(exchange: Exchange) -> None:
        if exchange.is_(method, path, before):
            exchange.become(after)

    return Reply(change)


def header(name: str, value: str | None, *, method: str = ".*", path: str = ".*", when: int | None = None) -> Reply:
    """Change a header of replies, or take it away."""

    def change(exchange: Exchange) -> None:
        if (
            exchange.reply is not None
            and re.fullmatch(method, exchange.method)
            and re.fullmatch(path, exchange.path)
            and when in (None, exchange.status)
        ):
            exchange.reply.set(name, value)

    return Reply(change)


def body(method: str, path: str, when: int, change: Callable[[Any], object]) -> Reply:
    """Change the JSON of a reply."""

    def falsify(exchange: Exchange) -> None:
        if exchange.is_(method, path, when):
            exchange.rewrite(change)

    return Reply(falsify)


def request(change: Callable[[Exchange], None]) -> Reply:
    """Change requests before the service sees them."""

    def falsify(exchange: Exchange) -> None:
        if exchange.reply is None:
            change(exchange)

    return Reply(falsify)


def replay(method: str, path: str, when: int) -> Reply:
    """Answer every such request with the first reply there was to it."""

    def falsify(exchange: Exchange) -> None:
        if exchange.is_(method, path, when) and exchange.reply is not None:
            first = exchange.memory.setdefault(
                f"{method} {exchange.target}", (exchange.reply.headers, exchange.reply.body)
            )
            exchange.reply.headers, exchange.reply.body = list(first[0]), first[1]

    return Reply(falsify)


def line(change: Callable[[dict[str, Any]], object]) -> Line:
    """Change the members of each log line; False swallows the line."""

    def falsify(text: str) -> str | None:
        value = json.loads(text)
        kept = change(value)
        return None if kept is False else json.dumps(value)

    return Line(falsify)


def _drop_event(name: str) -> Line:
    return line(lambda entry: entry.get("event") != name)


def _without_key(name: str) -> Line:
    return line(lambda entry: entry.pop(name, None) and None)


def _leak_authorization(exchange: Exchange) -> None:
    if exchange.reply is not None and exchange.status >= 400:
        sent = exchange.request.get("authorization") or exchange.request.get("x-api-key") or ""
        exchange.rewrite(lambda problem: problem.update(detail=f"refused {sent}"))


def _leak_sql(exchange: Exchange) -> None:
    if exchange.status >= 500:
        exchange.rewrite(lambda problem: problem.update(detail="no such table: SELECT * FROM users"))


def _no_bearer_needed(exchange: Exchange) -> None:
    """Remember the last token seen, and lend it to whoever sends a bad one."""
    token = exchange.request.get("authorization") or ""
    if exchange.reply is None and token.startswith("Bearer "):
        if exchange.memory.get("token") is None:
            exchange.memory["token"] = token
        exchange.request.set("Authorization", exchange.memory["token"])


def _keep_refresh_token(exchange: Exchange) -> None:
    if exchange.is_("POST", "/v1/auth/refresh", 200):
        sent = json.loads(exchange.request.body)["refresh_token"]
        exchange.rewrite(lambda pair: pair.update(refresh_token=sent))


def _pretend_logout(exchange: Exchange) -> None:
    if exchange.reply is None and exchange.path == "/v1/auth/logout":
        exchange.request = Message("GET /livez HTTP/1.1", [("Host", "x"), ("X-Lie", "logout")], b"")
    elif exchange.reply is not None and exchange.request.get("X-Lie"):
        exchange.become(204)
        exchange.reply.body = b""


def _set(**members: object) -> Callable[[Any], object]:
    return lambda value: value.update(members)


_IGNORE_SIGTERM = (
    "import signal, subprocess, sys; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "sys.exit(subprocess.call(sys.argv[1:], preexec_fn=lambda: signal.signal(signal.SIGTERM, signal.SIG_DFL)))"
)
_WRONG_EXIT = (
    "import signal, subprocess, sys; child = subprocess.Popen(sys.argv[1:]);"
    "signal.signal(signal.SIGTERM, lambda *_: child.terminate());"
    "code = child.wait(); sys.exit(1 if code == 78 else code)"
)

FALSIFICATIONS: tuple[Falsification, ...] = (
    # rest
    Falsification("REST01", "an unknown path is 400", status("GET", "/v1/.*", 404, 400)),
    Falsification("REST02", "405 without Allow", header("Allow", None, when=405)),
    Falsification("REST04", "HEAD lacks a header", header("Content-Type", None, method="HEAD")),
    Falsification("REST07", "201 without Location", header("Location", None, when=201)),
    Falsification("REST11", "a time without milliseconds", body("GET", "/v1/me", 200, lambda user: user.update(created_at=user["created_at"][:-5] + "Z"))),
    Falsification("REST14", "no X-Request-Id", header("X-Request-Id", None)),
    # errors
    Falsification("ERR01", "another title", body("GET", "/v1/me", 401, _set(title="Not authorised"))),
    Falsification("ERR02", "an instance of its own", body("GET", "/v1/me", 401, _set(instance="urn:uuid:00000000-0000-4000-8000-000000000000"))),
    Falsification("ERR04", "401 without a challenge", header("WWW-Authenticate", None, when=401)),
    Falsification("ERR12", "a trace id that no log has", body(".*", "/.*", 401, _set(trace_id="0123456789abcdef0123456789abcdef"))),
    # validation
    Falsification("VAL01", "a pointer at the wrong field", body("POST", "/v1/auth/register", 422, lambda p: p["errors"][0].update(pointer="#/x"))),
    Falsification("VAL05", "only the first fault", body("POST", "/v1/auth/register", 422, lambda p: p.update(errors=p["errors"][:1]))),
    Falsification("VAL11", "the address as it was typed", body("GET", "/v1/me", 200, lambda u: u.update(email=u["email"].upper()))),
    # media
    Falsification("LIM01", "415 without Accept", header("Accept", None, when=415)),
    Falsification("LIM06", "too large is 400", status("POST", "/v1/.*", 413, 400)),
    # authentication
    Falsification("AUT01", "401 as 403", status("GET", "/v1/me", 401, 403)),
    Falsification("AUT06", "tokens may be stored", header("Cache-Control", "private", path="/v1/auth/.*")),
    # sessions
    Falsification("SES01", "the old refresh token again", Reply(_keep_refresh_token)),
    Falsification("SES04", "a logout that does nothing", Reply(_pretend_logout)),
    Falsification("SES13", "a cookie", header("Set-Cookie", "session=1", path="/v1/auth/login")),
    # jwt
    Falsification("JWT07", "any token is as good as a right one", Reply(_no_bearer_needed)),
    Falsification("JWT18", "a private member in the key set", body("GET", "/.well-known/jwks.json", 200, lambda jwks: jwks["keys"][0].update(d="AQAB"))),
    # authorization
    Falsification("AZ02", "somebody else's key is 403", status("GET", "/v1/api-keys/.*", 404, 403)),
    Falsification("AZ01", "every 403 is a 200", status(".*", "/v1/.*", 403, 200)),
    # passwords
    Falsification("PWD01", "short passwords pass", status("POST", "/v1/auth/register", 422, 201)),
    Falsification("PWD07", "hashes of too little memory", Sql(
        ["CREATE TRIGGER lie AFTER INSERT ON sessions BEGIN UPDATE users SET password_hash = replace(password_hash, 'm=19456', 'm=9456'); END"],
        ["DROP TRIGGER lie"],
    )),
    Falsification("PWD13", "no login limit", Environment({"RATE_LIMIT_LOGIN": "1000/4"}, of=("web",))),
    # api_keys
    Falsification("KEY01", "the key is shown again", body("GET", "/v1/api-keys/.*", 200, _set(key="key_again"))),
    # injection
    Falsification("INJ04", "markup comes back escaped", body("GET", "/v1/me", 200, lambda u: u.update(display_name=u["display_name"].replace("<", "&lt;")))),
    Falsification("INJ06", "the host comes back", header("Location", "http://evil.example/v1/me", when=201)),
    # headers
    Falsification("COR04", "sniffing is allowed", header("X-Content-Type-Options", None)),
    Falsification("COR06", "the server tells its version", header("Server", "gunicorn/27.0")),
    # pagination
    Falsification("PAG01", "a page lacks its last row", body("GET", "/v1/products", 200, lambda page: page["items"].pop() and None if len(page["items"]) > 1 else None)),
    # conditional
    Falsification("CAC01", "304 without ETag", header("ETag", None, when=304)),
    Falsification("CAC02", "an old body is replayed", replay("GET", "/v1/products/.*", 200)),
    # transactions
    Falsification("TX01", "a sold-out product is sold", status("POST", "/v1/orders", 409, 201)),
    # idempotency
    Falsification("IDE01", "a replay does not say so", header("Idempotency-Replayed", None)),
    # lifecycle
    Falsification("OPS11", "SIGTERM is ignored", Wrapper(_IGNORE_SIGTERM)),
    Falsification("OPS01", "start is not logged", _drop_event("sys_startup")),
    # faults
    Falsification("OPS20", "no statement timeout", Environment({"DB_STATEMENT_TIMEOUT_MS": "20000"}, of=("web",))),
    Falsification("ERR03", "a 500 that tells SQL", Reply(_leak_sql)),
    # limits
    Falsification("OPS09", "no limit", Environment({"RATE_LIMIT_DEFAULT": "1000/3"}, of=("web",))),
    Falsification("RAT01", "what is left is not told", header("RateLimit", None)),
    # logs
    Falsification("LOG01", "a line of another form", Line(lambda text: text.replace('"level":"info"', '"level":"INFO"'))),
    Falsification("LOG02", "a method that was not sent", line(lambda entry: entry.update({"http.request.method": "GET"}) if "http.request.method" in entry else None)),
    Falsification("LOG03", "an error tells the credential", Reply(_leak_authorization)),
    Falsification("LOG05", "failed logins are not logged", _drop_event("authn_login_fail")),
    Falsification("LOG10", "nobody's name", _without_key("user.id")),
    # traces
    Falsification("TRC01", "the caller's trace is dropped", request(lambda e: e.request.set("traceparent", None))),
    Falsification("TRC07", "a value in a span", Spans(lambda s: replace(s, attributes={**s.attributes, "db.query.parameter.0": "canary-display-name"}))),
    Falsification("TRC06", "no route in the span", Spans(lambda s: without(s, "http.route"))),
    # metrics
    Falsification("MET01", "a family is missing", Reply(lambda e: setattr(e.reply, "body", e.reply.body.replace(b"auth_login_total", b"logins_total")) if e.reply and e.path == "/metrics" else None)),
    Falsification("MET03", "half the requests are counted", Reply(lambda e: setattr(e.reply, "body", re.sub(rb"(_count\{[^}]*\}) (\d+)", lambda m: m[1] + b" %d" % (int(m[2]) // 2), e.reply.body)) if e.reply and e.path == "/metrics" else None)),
    # settings
    Falsification("CFG01", "another exit code", Wrapper(_WRONG_EXIT)),
    Falsification("CFG08", "an administrator by default", Environment({"BOOTSTRAP_ADMIN_EMAIL": "root@suite.example", "BOOTSTRAP_ADMIN_PASSWORD": "canary-default-password"}, of=("release",))),
    # database_schema
    Falsification("SCH02", "an index that the contract lacks", Sql(["CREATE INDEX lie ON sessions (created_at)"], ["DROP INDEX lie"])),
    # project_layout
    Falsification("LAY01", "no AGENTS.md", Tree("AGENTS.md")),
    Falsification("LAY05", "a setting that is none", Tree(".env.example", lambda text: text + "\nSTRAY_SETTING=1\n")),
    # n_plus_one
    Falsification("NPO03", "statements that are not traced", Spans(lambda s: None if s.is_database else s)),
    # openapi
    Falsification("OAS01", "the document lacks an operation", body("GET", "/openapi.json", 200, lambda d: d["paths"].pop("/v1/me") and None)),
    Falsification("OAS03", "an undocumented member", body("GET", "/v1/me", 200, _set(secret_column="x"))),  # noqa: S106 - a member of a reply
)  # fmt: skip


class ByCheck(Falsifier):
    """Tells, during each check, the lie that the table has for it; `round` picks among several."""

    def __init__(self, number: str = "0") -> None:
        self._lies = {entry.check: entry.lie for entry in chosen(int(number))}
        self._lie = Falsifier()
        self._proxies: list[LyingProxy] = []
        self._databases: list[Database] = []

    def begin(self, check: str) -> None:
        if isinstance(self._lie, Sql):
            self._execute(self._lie.undo, *self._databases)
        self._lie = self._lies.get(check, Falsifier())
        if isinstance(self._lie, Sql):
            self._execute(self._lie.do, *self._databases)

    def command(self, name: str, command: Sequence[str]) -> Sequence[str]:
        return self._lie.command(name, command)

    def environment(self, name: str, environment: Mapping[str, str]) -> Mapping[str, str]:
        return self._lie.environment(name, environment)

    def address(self, host: str, port: int) -> tuple[str, int]:
        proxy = LyingProxy(host, port, self._change)
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
        return self._lie.project(folder, scratch)

    def close(self) -> None:
        for proxy in self._proxies:
            proxy.close()

    @staticmethod
    def _execute(statements: Sequence[str], *databases: Database) -> None:
        for database in databases:
            # A check may have dropped its own.
            with contextlib.suppress(sqlite3.Error):
                for statement in statements:
                    database.execute(statement)

    def _change(self, exchange: Exchange) -> None:
        if isinstance(self._lie, Reply):
            self._lie.change(exchange)


class Honest(ByCheck):
    """The same proxies and filters, without a lie: what they do themselves must not fail a check."""

    def begin(self, check: str) -> None:
        del check


def chosen(number: int) -> list[Falsification]:
    """The entries of one round: those that come `number`-th for their check."""
    seen: dict[str, int] = {}
    found = []
    for entry in FALSIFICATIONS:
        if seen.setdefault(entry.check, 0) == number:
            found.append(entry)
        seen[entry.check] += 1
    return found


def rounds() -> int:
    """How many rounds the table needs."""
    checks = [entry.check for entry in FALSIFICATIONS]
    return max(checks.count(check) for check in checks)
