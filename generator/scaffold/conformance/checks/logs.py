"""Logs: one JSON object a line, one access line a request, an event for each security act, and no secret."""

from __future__ import annotations

import json
import re
import time
import uuid
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import httpx

from scaffold.conformance import contract, expect, logbook
from scaffold.conformance.network import wait_until
from scaffold.conformance.registry import check

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from scaffold.conformance.accounts import Account, People, Shop
    from scaffold.conformance.client import Api
    from scaffold.conformance.database import Database
    from scaffold.conformance.exchange import Reply
    from scaffold.conformance.fixtures import Spawn
    from scaffold.conformance.keys import TokenForge
    from scaffold.conformance.logbook import Logbook
    from scaffold.conformance.observing import Observations
    from scaffold.conformance.raw import RawConnection
    from scaffold.conformance.service import Service

_NEEDS = {"logs"}


def _typical(service: Service, people: People) -> Iterator[Reply]:
    """Some of everything that a service answers."""
    api = service.api()
    user = people.new()
    yield user.api.get("/v1/me")
    yield user.api.patch("/v1/me", {"display_name": "Grace\nHopper"})
    yield user.api.post("/v1/api-keys", {"name": "suite", "scopes": ["profile:read"]})
    yield api.get("/v1/me")
    yield api.with_token("canary.not.a.token").get("/v1/me")
    yield api.get("/v1/unknown/\N{SNOWMAN}?q=%0a%22")
    yield api.request("PUT", "/v1/me")
    yield api.post("/v1/auth/login", {"email": user.email, "password": "canary-wrong-password"})
    yield api.post("/v1/auth/login", content=b'{"email": ', media_type="application/json")
    yield api.post("/v1/auth/login", content=b"x=1", media_type="application/x-www-form-urlencoded")
    yield people.register(email="no address")
    yield people.refresh("canary-no-refresh-token")
    yield api.request("HEAD", "/livez")
    yield user.api.post("/v1/auth/logout", {})


@check(
    "LOG01",
    "Every line that a service ever writes to standard output is a log line of the contract's schema.",
    source="ASVS 16.2.4; contract 4",
    needs=_NEEDS | {"settings"},
)
def check_every_line(spawn: Spawn) -> None:
    service = spawn(LOG_LEVEL="debug")
    people = spawn.people(service)
    for _ in _typical(service, people):
        pass
    service.database.execute("ALTER TABLE users RENAME TO users_away")
    expect.status(people.register(), 500, 503)
    service.terminate()
    service.process.wait(10)
    faults = [fault for line in service.process.stdout.lines for fault in logbook.line_faults(line)]
    expect.same("lines that are no log lines", faults[:5], [])
    expect.that(len(service.process.stdout.lines) > 15, "expected a line for each request at least")


@check(
    "LOG02", "Each request has one access line, and it tells the truth.", source="ASVS 16.2.1; contract 4", needs=_NEEDS
)
def check_access_lines(service: Service, people: People, logs: Logbook, answers: Mapping[str, object]) -> None:
    for reply in _typical(service, people):
        if reply.path == "/livez":
            continue
        line = logs.access(reply.request_id)
        expected = {
            "http.request.method": reply.method,
            "http.response.status_code": reply.status,
            "client.address": "127.0.0.1",
            "event": "http.server.request",
            "user_agent.original": reply.request_headers["user-agent"],
            "service.name": str(answers.get("project_name")),
            "deployment.environment.name": "production",
        }
        expect.same("access line", {name: line.get(name) for name in expected}, expected, reply)
        expect.duration(line["http.server.request.duration"], reply.seconds, reply)


@check(
    "LOG04",
    "`http.route` is the template of the path, and absent where no route matched.",
    source="OpenTelemetry HTTP conventions; contract 4, 11.19",
    needs=_NEEDS,
)
def check_routes(people: People, api: Api, logs: Logbook) -> None:
    user = people.new()
    key = people.key(user)
    cases = [
        (user.api.get(f"/v1/api-keys/{key['id']}"), "/v1/api-keys/{id}", f"/v1/api-keys/{key['id']}"),
        (user.api.get("/v1/api-keys/unknown"), "/v1/api-keys/{id}", "/v1/api-keys/unknown"),
        (user.api.get("/v1/me?x=canary-query"), "/v1/me", "/v1/me"),
        (api.get("/v1/unknown"), None, "/v1/unknown"),
        (api.request("PUT", "/v1/me"), None, "/v1/me"),
    ]
    for reply, route, path in cases:
        line = logs.access(reply.request_id)
        expect.same("http.route", line.get("http.route"), route, reply)
        expect.same("url.path", line.get("url.path"), path, reply)


@check(
    "LOG05",
    "Each security act has its event, at its level, with who and whence.",
    source="ASVS 16.3; OWASP Logging Vocabulary; contract 4, 11.18",
    needs=_NEEDS,
)
def check_security_events(people: People, api: Api, logs: Logbook) -> None:
    levels = contract.events()

    def seen(event: str, act: Callable[[], Reply], user_id: str | None) -> Reply:
        mark = logs.mark()
        reply = act()
        found = [line for line in logs.events(event, since=mark) if line.get("request_id") == reply.request_id]
        expect.same(f"lines {event}", len(found), 1, reply)
        expect.same(f"level of {event}", found[0]["level"], levels[event], reply)
        if user_id is not None:
            expect.same(f"user.id of {event}", found[0].get("user.id"), user_id, reply)
        expect.same(f"client.address of {event}", found[0].get("client.address"), "127.0.0.1", reply)
        return reply

    email, password = people.fresh_email(), people.fresh_password()
    mark = logs.mark()
    created = people.register(email=email, password=password)
    user_id = created.json()["id"]
    lines = [line for line in logs.events("user_created", since=mark) if line.get("request_id") == created.request_id]
    who = [(line.get("user.id"), line.get("client.address")) for line in lines]
    expect.same("user.id and client.address of user_created", who, [(user_id, "127.0.0.1")], created)

    login = {"email": email, "password": password}
    reply = seen("authn_login_success", lambda: api.post("/v1/auth/login", login), user_id)
    opened = [line for line in logs.of_request(reply.request_id) if line.get("event") == "session_created"]
    expect.same("client.address of session_created", [line.get("client.address") for line in opened], ["127.0.0.1"])
    session = people.session(reply)
    seen("authn_login_fail", lambda: api.post("/v1/auth/login", login | {"password": "canary-wrong-password"}), None)
    seen("authn_login_fail", lambda: api.post("/v1/auth/login", login | {"email": people.fresh_email()}), None)
    seen("user_updated", lambda: session.api.patch("/v1/me", {"display_name": "Grace"}), user_id)
    reply = seen(
        "authn_token_created",
        lambda: session.api.post("/v1/api-keys", {"name": "n", "scopes": ["profile:read"]}),
        user_id,
    )
    key = reply.json()
    seen("authz_fail", lambda: api.with_key(key["key"]).get("/v1/api-keys"), user_id)
    seen("authn_token_revoked", lambda: session.api.delete(f"/v1/api-keys/{key['id']}"), user_id)
    seen("authn_token_invalid", lambda: api.with_key(key["key"]).get("/v1/me"), None)
    wrong = {"current_password": "canary-wrong-password", "new_password": people.fresh_password()}
    seen("authn_password_change_fail", lambda: session.api.post("/v1/me/password", wrong), user_id)
    right = wrong | {"current_password": password}
    seen("authn_password_change", lambda: session.api.post("/v1/me/password", right), user_id)
    reply = seen("session_renewed", lambda: people.refresh(session.refresh), user_id)
    renewed = people.session(reply)
    seen("authn_token_reuse", lambda: people.refresh(session.refresh), user_id)
    seen("authn_token_invalid", lambda: renewed.api.get("/v1/me"), None)
    again = people.login(email, str(right["new_password"]))
    seen("authn_token_revoked", lambda: again.api.post("/v1/auth/logout"), user_id)


@check(
    "LOG12",
    "A limiter's refusal has its event.",
    source="OWASP Logging Vocabulary; contract 11.18",
    needs=_NEEDS | {"settings"},
)
def check_limiter_events(spawn: Spawn) -> None:
    service = spawn(RATE_LIMIT_DEFAULT="3/60", RATE_LIMIT_LOGIN="1/60")
    api = service.api()
    body = {"email": "canary.limit@people.suite.example", "password": "canary-wrong-password"}
    replies = [api.post("/v1/auth/login", body) for _ in range(4)]
    expect.same("statuses", [reply.status for reply in replies], [401, 429, 429, 429])
    for number, event in ((1, "authn_login_fail_max"), (3, "excess_rate_limit_exceeded")):
        found = [line for line in service.logs.of_request(replies[number].request_id) if line.get("event") == event]
        told = [(line["level"], line.get("client.address")) for line in found]
        expect.same(f"level and client.address of {event}", told, [("warn", "127.0.0.1")], replies[number])


@check(
    "LOG06",
    "A 5xx has one error line with its exception and the reply's trace; a 4xx has no stack.",
    source="ASVS 16.5.1, 16.2.1; contract 4",
    needs=_NEEDS | {"settings", "sql"},
)
def check_exceptions(api: Api, people: People, logs: Logbook, database: Database) -> None:
    for reply in (
        api.get("/v1/me"),
        api.get("/v1/unknown"),
        people.register(email="x"),
        api.post("/v1/auth/login", content=b"{", media_type="application/json"),
    ):
        for line in logs.of_request(reply.request_id):
            expect.that("exception.stacktrace" not in line, f"a stack for a {reply.status}: {line}", reply)
    database.execute("ALTER TABLE users RENAME TO users_away")
    try:
        reply = people.register()
    finally:
        database.execute("ALTER TABLE users_away RENAME TO users")
    problem = expect.problem(reply, 503 if reply.status == 503 else 500)
    errors = [line for line in logs.of_request(reply.request_id) if "exception.type" in line]
    expect.same("lines with an exception", len(errors), 1, reply)
    line = errors[0]
    expect.same("level", line["level"], "error", reply)
    expect.same("trace_id", line["trace_id"], problem["trace_id"], reply)
    expect.that("\n" in line["exception.stacktrace"], "expected the stack in one string with its line breaks", reply)
    expect.that(
        "users" in line["exception.message"],
        f"expected the database's message, got {line['exception.message']!r}",
        reply,
    )


@check(
    "LOG07",
    "Levels: 401, 403 and 429 warn, 5xx error, other replies info, probes and metrics debug.",
    source="contract 4",
    needs=_NEEDS | {"settings", "metrics_token"},
)
def check_levels(spawn: Spawn) -> None:
    service = spawn(LOG_LEVEL="debug", RATE_LIMIT_DEFAULT="12/60")
    people, api = spawn.people(service), service.api()
    user = people.new()
    key = people.key(user)
    anonymous = api.with_token(service.metrics_token or "")
    cases = [
        (user.api.get("/v1/me"), 200, "info"),
        (api.get("/v1/unknown"), 404, "info"),
        (people.register(email="x"), 422, "info"),
        (api.get("/v1/me"), 401, "warn"),
        (api.with_key(key["key"]).get("/v1/api-keys"), 403, "warn"),
        (api.get("/livez"), 200, "debug"),
        (api.get("/readyz"), 200, "debug"),
        (anonymous.get("/metrics"), 200, "debug"),
    ]
    for reply, status, level in cases:
        expect.status(reply, status)
        expect.same(f"level of a {status}", service.logs.access(reply.request_id)["level"], level, reply)
    service.database.execute("ALTER TABLE users RENAME TO users_away")
    broken = expect.status(people.register(), 500, 503)
    expect.same("level of a 5xx", service.logs.access(broken.request_id)["level"], "error", broken)
    for _ in range(12):
        limited = api.get("/v1/unknown")
    expect.status(limited, 429)
    expect.same("level of a 429", service.logs.access(limited.request_id)["level"], "warn", limited)


@check("LOG08", "LOG_LEVEL hides what is below it.", source="contract 5", needs=_NEEDS | {"settings"})
def check_log_level(service: Service, logs: Logbook, spawn: Spawn) -> None:
    quiet = spawn(LOG_LEVEL="warn")
    hidden, shown = quiet.api().get("/v1/unknown"), quiet.api().get("/v1/me")
    quiet.logs.access(shown.request_id)
    time.sleep(0.2)
    levels = {line["level"] for line in quiet.logs.lines()}
    expect.that(levels <= {"warn", "error", "fatal"}, f"expected warnings and worse, got {levels}")
    expect.that(
        not any(line.get("request_id") == hidden.request_id for line in quiet.logs.lines()),
        "a 404 is logged at LOG_LEVEL=warn",
        hidden,
    )
    probe = service.api().get("/livez")
    later = service.api().get("/v1/unknown")
    logs.access(later.request_id)
    expect.that(
        not any(line.get("request_id") == probe.request_id for line in logs.lines()),
        "a probe is logged at LOG_LEVEL=info",
        probe,
    )


@check("LOG09", "LOG_FORMAT=pretty writes text for people.", source="contract 5", needs=_NEEDS | {"settings"})
def check_pretty(spawn: Spawn) -> None:
    service = spawn(APP_ENV="development", LOG_FORMAT="pretty")
    service.observations = None  # Its lines are no log lines on purpose.
    reply = service.api().get("/v1/unknown-pretty")
    service.process.stdout.wait(lambda: "/v1/unknown-pretty" in service.process.stdout.text, 5)
    text = service.process.stdout.text
    expect.that(
        "/v1/unknown-pretty" in text and "404" in text, f"expected the request in the log: {text[-800:]}", reply
    )
    lines = [line for line in service.process.stdout.lines if line.startswith("{")]
    expect.same("JSON lines", lines, [])


@check(
    "LOG10",
    "`user.id` names the caller, and is absent where there is none.",
    source="ASVS 16.2.1; contract 4, 11.18",
    needs=_NEEDS,
)
def check_user_id(people: People, api: Api, logs: Logbook) -> None:
    user = people.new()
    key = people.key(user)
    for reply, expected in (
        (user.api.get("/v1/me"), user.id),
        (api.with_key(key["key"]).get("/v1/me"), user.id),
        (api.get("/v1/me"), None),
        (api.with_token("canary.not.a.token").get("/v1/me"), None),
        (user.api.get("/v1/unknown"), None),
    ):
        expect.same("user.id", logs.access(reply.request_id).get("user.id"), expected, reply)


@check(
    "LOG11",
    "What a client sends cannot break a line: controls are escaped, long values cut.",
    source="ASVS 16.4.1; CWE-117; contract 11.18",
    needs=_NEEDS | {"raw"},
)
def check_hostile_values(service: Service, api: Api, logs: Logbook) -> None:
    forged = '%0a%7b"level":"info","message":"forged"%7d%0d%1b[31m%e2%80%a8'
    mark = logs.mark()
    for agent, path in (
        ("agent" + "a" * 2000, "/v1/" + "p" * 3000),
        ("\N{SNOWMAN}".encode().decode("latin-1"), f"/v1/{forged}"),
        ('"}\t{"level":"forged"', "/v1/x"),
    ):
        with service.raw() as connection:
            connection.request("GET", path, {"User-Agent": agent})
            reply = connection.reply()
        expect.status(reply, 404, 400, 414)
        if not reply.request_id:
            continue
        line = logs.access(reply.request_id)
        expect.that(len(line["url.path"]) <= 2048, f"url.path has {len(line['url.path'])} characters", reply)
        expect.that(len(line.get("user_agent.original", "")) <= 512, "user_agent.original is longer than 512", reply)
    api.get("/v1/last")
    time.sleep(0.2)
    text = service.process.stdout.lines[mark:]
    expect.same("faults", [fault for raw in text for fault in logbook.line_faults(raw)], [])
    expect.that(
        not any(line.get("message") == "forged" or line.get("level") == "forged" for line in logs.lines(mark)),
        "a forged line stands in the log",
    )
    for raw in text:
        controls = [c for c in raw if ord(c) < 32 or c == "\x7f"]
        expect.same("raw control characters in a line", controls, [])


@check(
    "LOG13",
    "The request id and the trace of a reply stand in its log lines.",
    source="RFC 9457 §3.1; contract 1, 4",
    needs=_NEEDS,
)
def check_correlation(people: People, api: Api, logs: Logbook) -> None:
    reply = api.get("/v1/me")
    problem = expect.problem(reply, 401)
    line = logs.access(reply.request_id)
    expect.same("trace_id", line["trace_id"], problem["trace_id"], reply)
    expect.same("instance", problem["instance"], f"urn:uuid:{line['request_id']}", reply)
    user = people.new()
    reply = user.api.patch("/v1/me", {"display_name": "Grace"})
    lines = logs.of_request(reply.request_id)
    expect.same("trace ids of a request's lines", len({entry["trace_id"] for entry in lines}), 1, reply)
    expect.that(len(lines) > 1, "expected the event and the access line", reply)


_CLIENT_CLOSED_REQUEST = 499


@check(
    "LOG14",
    "A client that hangs up before the reply has one access line: 499, or the status of what was done for it.",
    source="ASVS 16.2.1, 16.2.2; contract 4",
    needs=_NEEDS | {"raw", "settings", "sql", "process", "metrics_token"},
)
def check_hung_up(spawn: Spawn) -> None:
    """By a reset, and by an orderly end."""
    service = spawn()
    people = spawn.people(service)
    users = {abort: people.new() for abort in (True, False)}
    whole, half, last = ({abort: str(uuid.uuid4()) for abort in users} for _ in range(3))
    for abort, user in users.items():
        # A lock of the suite's keeps the one request from its reply, half a body that never ends the others.
        with service.database.hold("users", service.database.raw_id(user.id)):
            _begun(service, user, whole[abort], b'{"display_name":"Grace"}').close(abort=abort)
        _begun(service, user, half[abort], b'{"display_name":', length=100).close(abort=abort)
        for request_id in (whole[abort], half[abort]):
            service.logs.access(request_id)
    unfinished = {
        abort: _begun(service, user, last[abort], b'{"display_name":', length=100, others=number)
        for number, (abort, user) in enumerate(users.items())
    }
    service.terminate()
    expect.that(wait_until(lambda: _is_stopping(service), 5), "expected it to stop")
    for abort, connection in unfinished.items():
        connection.close(abort=abort)
    # Once it has ended it has said all: there is no second line to come.
    expect.same("exit code", service.process.wait(20), 0)
    allowed_for = {request_id: {400} for request_id in (*half.values(), *last.values())}
    for abort, user in users.items():
        done = service.database.row("users", user.id)["display_name"] == "Grace"
        allowed_for[whole[abort]] = {200} if done else set()
    for request_id, computed in allowed_for.items():
        line = service.logs.access(request_id)
        status = line["http.response.status_code"]
        allowed = {_CLIENT_CLOSED_REQUEST} | computed
        expect.that(status in allowed, f"expected one of {sorted(allowed)} in the access line, got {line}")
        expect.same("level", line["level"], "info")


def _is_stopping(service: Service) -> bool:
    """Whether it is not ready any more: it says so, or takes no connection, or lets one wait."""
    try:
        return httpx.get(f"{service.url}/readyz", timeout=0.5, trust_env=False).status_code != HTTPStatus.OK
    except httpx.TransportError:
        return True


def _begun(
    service: Service, user: Account, request_id: str, body: bytes, *, length: int | None = None, others: int = 0
) -> RawConnection:
    """A connection on which a change, or the half of one, has been sent, and the service is at it.

    `others` that are under way are waited for first, so that this one can be told from them.
    """
    metrics = service.api().with_token(service.metrics_token or "")
    pattern = re.compile(r'^http_server_active_requests\{http_request_method="PATCH"\} (\d+)', re.MULTILINE)

    def active() -> int:
        found = pattern.search(metrics.get("/metrics").text)
        return int(found[1]) if found else 0

    expect.that(wait_until(lambda: active() == others, 5), f"expected {others} active requests")
    connection = service.raw()
    connection.send(
        f"PATCH /v1/me HTTP/1.1\r\nHost: suite\r\nX-Request-Id: {request_id}\r\n"
        f"Authorization: Bearer {user.session.access}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {length or len(body)}\r\n\r\n"
    )
    connection.send(body)
    expect.that(wait_until(lambda: active() == others + 1, 5), "expected the request among the active ones")
    return connection


@check(
    "LOG03",
    "No secret leaves by the log, the metrics or an error: no password, token, key, e-mail address or credential of a server.",
    source="ASVS 16.2.5, 14.2.1; contract 4, 11.18",
    needs=_NEEDS | {"settings", "metrics_token", "signing_key"},
)
def check_canaries(spawn: Spawn, observations: Observations, forge: TokenForge, answers: Mapping[str, object]) -> None:
    service = spawn(LOG_LEVEL="debug")
    people, api = spawn.people(service), service.api()
    user = people.new()
    key = people.key(user)
    canary = "canary-secret-c0ffee"
    observations.secret("a secret of the suite's", canary)
    replies = [
        # Secrets where they belong, refused or not.
        api.post("/v1/auth/login", {"email": user.email, "password": canary}),
        people.register(email=user.email),
        people.register(password=canary, email="x"),
        api.post("/v1/auth/login", content=f'{{"password": "{canary}", '.encode(), media_type="application/json"),
        user.api.post("/v1/me/password", {"current_password": canary, "new_password": canary + canary}),
        api.with_headers(Authorization=f"Bearer {canary}").get("/v1/me"),
        api.with_headers(Authorization=f"Basic {canary}").get("/v1/me"),
        api.with_key(canary).get("/v1/me"),
        api.with_key(key["key"][:-1] + "_").get("/v1/me"),
        api.with_headers(Cookie=f"session={canary}", Proxy_Authorization=canary).get("/v1/me"),
        people.refresh(canary),
        # And where they do not belong.
        api.get(f"/v1/me?access_token={canary}&password={canary}"),
        api.post("/v1/auth/login", {"email": user.email, "password": canary, canary: canary}),
        service.api().with_token(service.metrics_token or "").get("/metrics"),
    ]
    if answers.get("sample"):
        replies.append(user.api.post("/v1/orders", {"lines": []}, headers={"Idempotency-Key": f'"{canary}"'}))
    service.database.execute("ALTER TABLE users RENAME TO users_away")
    replies.append(api.post("/v1/auth/login", {"email": user.email, "password": user.password}))
    before = len(observations.found["LOG03"])
    for reply in replies:
        # A fault may name the unknown field, which is what the client itself sent as a name.
        text = json.dumps({name: value for name, value in _members(reply).items() if name != "errors"})
        observations.leaks(
            f"the reply to {reply.method} {reply.path.partition('?')[0]}",
            text if reply.status >= 400 else reply.text if reply.path == "/metrics" else "",
        )
    service.stop()
    expect.same("leaks", observations.found["LOG03"][before:], [])


def _members(reply: Reply) -> dict[str, Any]:
    if reply.media_type.endswith("json") and reply.body:
        value = reply.json()
        return value if isinstance(value, dict) else {"value": value}
    return {"text": reply.text}


@check(
    "LOG15",
    "The sample's orders are logged with their user, and their bodies are not.",
    source="ASVS 16.2.5; contract 4",
    needs=_NEEDS | {"admin"},
    part="sample",
)
def check_orders(people: People, shop: Shop, logs: Logbook) -> None:
    buyer = people.new()
    product = shop.product(name="canary-product-name-77")
    reply = buyer.api.post("/v1/orders", shop.lines((product, 2)))
    line = logs.access(reply.request_id)
    expect.same("http.route", line.get("http.route"), "/v1/orders", reply)
    expect.same("user.id", line.get("user.id"), buyer.id, reply)
    expect.that(
        not any("canary-product-name-77" in json.dumps(entry) for entry in logs.lines()),
        "a body stands in the log",
        reply,
    )
