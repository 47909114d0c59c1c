"""The table: each lie, and the check that must find it. At least one for each group of the suite."""

from __future__ import annotations

import json
import re
import threading
import time
import uuid
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lies import (
    Environment,
    Falsification,
    Line,
    Reply,
    Source,
    Spans,
    Sql,
    Tree,
    WithoutParameters,
    WithoutWords,
    Wrapper,
    body,
    header,
    line,
    nothing,
    replay,
    request,
    status,
    without,
)  # fmt: skip
from lying_proxy import Exchange, Message
from own_lies import ON as OWN_PROJECT
from own_lies import OWN

from scaffold.conformance import contract, keys

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def _drop_event(name: str) -> Line:
    return line(lambda entry: entry.get("event") != name)


def _without_key(name: str) -> Line:
    return line(lambda entry: entry.pop(name, None) and None)


def _leak_authorization(exchange: Exchange) -> None:
    if exchange.reply is not None and exchange.status >= 400:
        sent = exchange.request.get("authorization") or exchange.request.get("x-api-key") or ""
        exchange.rewrite(lambda problem: problem.update(detail=f"refused {sent}"))


def _typed_even_if_empty(exchange: Exchange) -> None:
    """A type that is wrong for a body is wrong without one."""
    media_type = exchange.request.get("content-type")
    if exchange.is_("POST", ".*") and exchange.status < 300 and media_type not in (None, "application/json"):
        exchange.become(415)


def _chunks_are_no_body(exchange: Exchange) -> None:
    if exchange.request.get("transfer-encoding") is not None:
        exchange.request.body = b""


def _tell_twins_to_come_back(exchange: Exchange) -> None:
    """An idempotency key whose first request is under way."""
    key = exchange.request.get("idempotency-key")
    if key is None or exchange.path != "/v1/orders":
        return
    busy = exchange.memory.setdefault("busy", set())
    if exchange.reply is None:
        exchange.request.set("X-Lie", "twin" if key in busy else None)
        busy.add(key)
    elif exchange.request.get("X-Lie"):
        exchange.become(409)
    else:
        busy.discard(key)


def _failures_for_good(exchange: Exchange) -> None:
    """Whoever failed five times is refused, whatever came between."""
    if exchange.is_("POST", "/v1/auth/login"):
        failed = exchange.memory.setdefault("failed", {})
        email = json.loads(exchange.request.body)["email"]
        failed[email] = failed.get(email, 0) + (exchange.status == 401)
        if failed[email] > 5:
            exchange.become(429)


def _never_the_same_page(exchange: Exchange) -> None:
    """As if the cache's key had something of each request in it."""
    page = re.fullmatch(r"GET (/v1/products\?limit=)(\d+) .*", exchange.request.start)
    if exchange.reply is None and page:
        asked = exchange.memory.setdefault("asked", Counter())
        exchange.request.start = f"GET {page[1]}{int(page[2]) - asked[page[0]]} HTTP/1.1"
        asked[page[0]] += 1


def _leak_exception(exchange: Exchange) -> None:
    if exchange.status >= 500:
        exchange.rewrite(
            lambda problem: problem.update(
                detail="OperationalError: terminating connection due to administrator command"
            )
        )


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


def _every(code: int, change: Callable[[Any], object]) -> Reply:
    """Change the JSON of every reply of this status."""
    return body(".*", "/.*", code, change)


def _other_code(problem: Any) -> None:
    """The first fault under another code."""
    problem["errors"][0]["code"] = "lie"


def _spaced(exchange: Exchange) -> None:
    """JSON as people like it."""
    if exchange.reply is not None and "json" in (exchange.reply.get("content-type") or "") and exchange.reply.body:
        exchange.reply.body = json.dumps(exchange.json, ensure_ascii=False, indent=1).encode()


def _claims(**changes: object) -> Reply:
    """Tokens of a login with other claims (None: without)."""

    def change(pair: Any) -> None:
        header, _, signature = pair["access_token"].split(".")
        read = {**keys.decode(pair["access_token"])[1], **changes}
        kept = {name: value for name, value in read.items() if value is not None}
        pair["access_token"] = ".".join((header, keys.base64url(json.dumps(kept).encode()), signature))

    return body("POST", "/v1/auth/login", 200, change)


def _registered(exchange: Exchange) -> bool:
    """Whether a login names an account whose registration came by."""
    known = exchange.memory.setdefault("registered", set())
    if exchange.is_("POST", "/v1/auth/register", 201):
        known.add(json.loads(exchange.request.body)["email"].lower())
    login = exchange.is_("POST", "/v1/auth/login", 401)
    return login and json.loads(exchange.request.body)["email"].lower() in known


def _tell_known_accounts(exchange: Exchange) -> None:
    if _registered(exchange):
        exchange.rewrite(lambda problem: problem.update(detail="The password is wrong."))


def _hurry_unknown_accounts(exchange: Exchange) -> None:
    if _registered(exchange):
        time.sleep(0.15)


def _tell_disabled_accounts(exchange: Exchange) -> None:
    """The password is right, and still the login fails."""
    known = exchange.memory.setdefault("passwords", {})
    if exchange.reply is None or exchange.path not in ("/v1/auth/register", "/v1/auth/login"):
        return
    sent = json.loads(exchange.request.body)
    if exchange.status == 201:
        known[sent["email"]] = sent["password"]
    elif exchange.status == 401 and known.get(sent["email"]) == sent["password"]:
        exchange.rewrite(lambda problem: problem.update(detail="The account is disabled."))


def _token_from_the_query(exchange: Exchange) -> None:
    found = re.search(r"access_token=([\w.-]+)", exchange.target)
    if found:
        exchange.request.set("Authorization", f"Bearer {found[1]}")


def _any_scheme(exchange: Exchange) -> None:
    scheme, _, token = (exchange.request.get("authorization") or "").partition(" ")
    if scheme in ("Token", "JWT"):
        exchange.request.set("Authorization", f"Bearer {token}")


def _no_second_credential(exchange: Exchange) -> None:
    if exchange.request.get("authorization"):
        exchange.request.set("X-API-Key", None)


def _credentials_matter(exchange: Exchange) -> None:
    if exchange.is_("POST", "/v1/auth/.*") and exchange.request.get("authorization"):
        exchange.become(401)


def _first_item_for_all(exchange: Exchange) -> None:
    """The first key ever listed stands in every list."""
    if exchange.is_("GET", "/v1/api-keys", 200):
        items = exchange.json["items"]
        first = exchange.memory.setdefault("first", items[:1]) or items[:1]
        exchange.memory["first"] = first
        exchange.rewrite(lambda page: page.update(items=[*first, *(item for item in items if item not in first)]))


def _page(change: Callable[[list[Any]], object], path: str = "/v1/products") -> Reply:
    """Change the items of a list."""
    return body("GET", path, 200, lambda page: change(page["items"]) and None)


def _one_address(exchange: Exchange) -> None:
    exchange.request.set("X-Forwarded-For", "203.0.113.99")


def _register_instead(exchange: Exchange) -> None:
    if exchange.path == "/v1/auth/refresh":
        sent = {"email": f"{uuid.uuid4().hex}@people.suite.example", "password": uuid.uuid4().hex, "display_name": "x"}
        exchange.request.start = "POST /v1/auth/register HTTP/1.1"
        exchange.request.body = json.dumps(sent).encode()


def _closed_for_good(exchange: Exchange) -> None:
    """Whom the limiter has refused once it refuses for ever."""
    refused = exchange.memory.setdefault("refused", set())
    who = exchange.request.get("x-forwarded-for")
    if exchange.status == 429:
        refused.add(who)
    elif exchange.reply is not None and who in refused:
        exchange.become(429)


def _without_request_header(name: str) -> Reply:
    return request(lambda exchange: exchange.request.set(name, None))


def _late(seconds: float, path: str) -> Reply:
    """The first reply takes its time."""

    def wait(exchange: Exchange) -> None:
        if exchange.is_(".*", path) and not exchange.memory.get("waited"):
            exchange.memory["waited"] = True
            time.sleep(seconds)

    return Reply(wait)


def _old_metrics() -> Reply:
    """What was scraped first, for ever."""
    return replay("GET", "/metrics", 200)


def _metrics(pattern: bytes, change: Callable[[re.Match[bytes]], bytes]) -> Reply:
    def falsify(exchange: Exchange) -> None:
        if exchange.reply is not None and exchange.path == "/metrics":
            exchange.reply.body = re.sub(pattern, change, exchange.reply.body)

    return Reply(falsify)


def _no_port_is_read(exchange: Exchange) -> None:
    address = exchange.request.get("x-forwarded-for") or ""
    if re.search(r"\.\d+:\d|\]:", address):
        exchange.request.set("X-Forwarded-For", "nonsense")


def _slow_with_faults(exchange: Exchange) -> None:
    """As if each unknown member cost twenty microseconds."""
    if exchange.reply is None and exchange.request.body.startswith(b'{"00000":0'):
        time.sleep(2)


def _page_of_a_framework(exchange: Exchange) -> None:
    if exchange.reply is not None and exchange.status in (400, 404):
        exchange.reply.body = b"<html><h1>Page not found</h1></html>"


def _trigger(on: str, then: str, when: str = "") -> Sql:
    """A trigger of SQLite that does what the service should not have done."""
    condition = f"WHEN {when} " if when else ""
    return Sql([f"CREATE TRIGGER lie {on} {condition}BEGIN {then}; END"], ["DROP TRIGGER lie"])


def _replaced(file: str, old: str, new: str) -> Tree:
    return Tree(file, lambda text: text.replace(old, new))


def _exit(code: int, of: str = "web") -> Wrapper:
    """Ends with this code, whatever the program says."""
    return Wrapper(_ANY_EXIT.format(code=code), of)


_ANY_EXIT = (
    "import signal, subprocess, sys; child = subprocess.Popen(sys.argv[1:]);"
    "signal.signal(signal.SIGTERM, lambda *_: child.terminate()); signal.signal(signal.SIGINT, lambda *_: child.terminate());"
    "child.wait(); sys.exit({code})"
)
_SLOW_TO_STOP = (
    "import signal, subprocess, sys, time; child = subprocess.Popen(sys.argv[1:]);"
    "signal.signal(signal.SIGTERM, lambda *_: (time.sleep(4), child.terminate())); sys.exit(child.wait())"
)
_SLOWER_TO_STOP = _SLOW_TO_STOP.replace("sleep(4)", "sleep(7)")
_WRITES = "import os, sys; open('made', 'w').close(); os.execvp(sys.argv[1], sys.argv[1:])"
_READS_ENV = (
    "import os, pathlib, sys; file = pathlib.Path('.env');"
    "os.environ.update(dict(row.split('=', 1) for row in file.read_text().split()) if file.exists() else {});"
    "os.execvp(sys.argv[1], sys.argv[1:])"
)
_CUTS_AT_ONCE = (
    "import os, signal, subprocess, sys; child = subprocess.Popen(sys.argv[1:]);"
    "signal.signal(signal.SIGTERM, lambda *_: (child.kill(), os._exit(0))); sys.exit(child.wait())"
)
_CUTS_AT_THE_SECOND = (
    "import os, signal, subprocess, sys; child = subprocess.Popen(sys.argv[1:]); came = [];"
    "end = lambda number, _: (child.kill(), os._exit(0)) if came else (came.append(1), child.send_signal(number));"
    "signal.signal(signal.SIGTERM, end); signal.signal(signal.SIGINT, end); sys.exit(child.wait())"
)
_WAITS_FOR_READERS = (
    "import subprocess, sys; child = subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE);"
    "[(sys.stdout.buffer.write(row), sys.stdout.flush()) for row in child.stdout]; sys.exit(child.wait())"
)
_TELLS_SETTINGS = (
    "import os, sys; print('DATABASE_URL: not', os.environ['DATABASE_URL'], file=sys.stderr);"
    "os.execvp(sys.argv[1], sys.argv[1:])"
)
_LEAVES_CHILDREN = (
    "import os, signal, subprocess, sys; child = subprocess.Popen(sys.argv[1:]);"
    "signal.signal(signal.SIGTERM, lambda *_: os._exit(0)); sys.exit(child.wait())"
)
_LOOKS_FOR_MIGRATIONS = """
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
executor = MigrationExecutor(connection)
assert not executor.migration_plan(executor.loader.graph.leaf_nodes())
"""
_TELLING_ARGUMENTS = (
    "import os, subprocess, sys; subprocess.Popen(['sh', '-c', 'sleep 20; true', os.environ.get('METRICS_TOKEN', '')]);"
    "os.execvp(sys.argv[1], sys.argv[1:])"
)
_IGNORE_SIGTERM = (
    "import signal, subprocess, sys; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "sys.exit(subprocess.call(sys.argv[1:], preexec_fn=lambda: signal.signal(signal.SIGTERM, signal.SIG_DFL)))"
)
_WRONG_EXIT = (
    "import signal, subprocess, sys; child = subprocess.Popen(sys.argv[1:]);"
    "signal.signal(signal.SIGTERM, lambda *_: child.terminate());"
    "code = child.wait(); sys.exit(1 if code == 78 else code)"
)

_ANOTHER_ACCOUNT = Sql(
    [
        "INSERT INTO users (id, email, password_hash, display_name, role, is_active, created_at, updated_at)"  # noqa: ISC004
        " SELECT replace(id, '0', '1'), 'maker@suite.example', password_hash, display_name, role, is_active,"
        " created_at, updated_at FROM users LIMIT 1"
    ],
    ["DELETE FROM users WHERE email = 'maker@suite.example'"],
)

_DURATION = "http.server.request.duration"

PROJECTS: Mapping[str, tuple[str, ...]] = {
    "sqlite": (),
    "postgresql-redis": ("database=postgresql", "redis=true"),
    "mysql": ("database=mysql",),
    "without-sample": ("sample=false",),
    # The contract without the sample: what the sample has is the service's own.
    OWN_PROJECT: (),
}
"""The honest projects, and the options that differ from their defaults. What the first can show, it shows."""

_N_PLUS_ONE = Source(
    "shop/orders/selectors.py", {'.filter(**page.filters).prefetch_related("lines")': ".filter(**page.filters)"}
)
_ONE_PROCESS = Environment({"WEB_CONCURRENCY": "1"}, of=("web",))
_READY_WHATEVER_COMES = status("GET", "/readyz", 503, 200)

FALSIFICATIONS: tuple[Falsification, ...] = (
    # rest
    Falsification("REST01", "an unknown path is 400", status("GET", "/v1/.*", 404, 400)),
    Falsification("REST02", "405 without Allow", header("Allow", None, when=405)),
    Falsification("REST04", "HEAD lacks a header", header("Content-Type", None, method="HEAD")),
    Falsification("REST07", "201 without Location", header("Location", None, when=201)),
    Falsification("REST11", "a time without milliseconds", body("GET", "/v1/me", 200, lambda user: user.update(created_at=user["created_at"][:-5] + "Z"))),
    Falsification("REST14", "no X-Request-Id", header("X-Request-Id", None)),
    Falsification("REST05", "an invented method works", status("TRACE|FOO|get", "/.*", 405, 200)),
    Falsification("REST06", "a variant of a path is another resource", status("GET", "/.*", 404, 200)),
    Falsification("REST08", "a creation without Location", header("Location", None, when=201)),
    Falsification("REST09", "no Date", header("Date", None)),
    Falsification("REST10", "deleting twice works twice", status("DELETE", "/v1/.*", 404, 204)),
    Falsification("REST12", "JSON with blanks", Reply(_spaced)),
    Falsification("REST13", "XML for those who ask for it", Reply(lambda e: e.reply.set("Content-Type", "application/xml") if e.reply and "xml" in (e.request.get("accept") or "") else None)),
    Falsification("REST15", "a product without milliseconds", body("GET|POST", "/v1/products.*", None, lambda p: p.update(created_at=p["created_at"][:-5] + "Z") if "created_at" in p else None)),
    Falsification("REST16", "a deleted product is 410", status("GET", "/v1/products/.*", 404, 410)),
    Falsification("REST17", "JSON of products with blanks", Reply(_spaced)),
    Falsification("REST18", "a merge patch is of an unknown type", status("PATCH", "/v1/.*", 200, 415)),
    # errors
    Falsification("ERR01", "another title", body("GET", "/v1/me", 401, _set(title="Not authorised"))),
    Falsification("ERR02", "an instance of its own", body("GET", "/v1/me", 401, _set(instance="urn:uuid:00000000-0000-4000-8000-000000000000"))),
    Falsification("ERR04", "401 without a challenge", header("WWW-Authenticate", None, when=401)),
    Falsification("ERR12", "a trace id that no log has", body(".*", "/.*", 401, _set(trace_id="0123456789abcdef0123456789abcdef"))),
    Falsification("ERR05", "403 with the bare challenge", header("WWW-Authenticate", 'Bearer realm="api"', when=403)),
    Falsification("ERR06", "a page of a framework", Reply(_page_of_a_framework)),
    Falsification("ERR06", "what cannot be read is no permission", status(".*", ".*", 400, 401)),
    Falsification("ERR06", "what follows is read as another request", header("Connection", None)),
    Falsification("ERR08", "a page for what is not there", header("Content-Type", "text/html", when=404)),
    Falsification("ERR11", "a taken SKU is 400", status("POST", "/v1/products", 409, 400)),
    # protocol
    Falsification("PRO01", "any Host is one", status("GET", "/.*", 400, 200)),
    Falsification("PRO02", "a right Host is none", status("GET", "/livez", 200, 400)),
    Falsification("PRO03", "an encoded slash is one", status("GET", "/.*", 404, 200)),
    Falsification("PRO04", "chunks of HTTP/1.0 are read as HTTP/1.1", request(lambda e: setattr(e.request, "start", e.request.start.replace("HTTP/1.0", "HTTP/1.1")))),
    Falsification("PRO05", "HTTP/1.0 is told to go on", status("POST", "/v1/auth/login", 401, 100)),
    Falsification("PRO06", "any version is served", Reply(lambda e: setattr(e.reply, "start", "HTTP/1.1 200 OK") if e.reply and e.status in {400, 505} else None)),
    Falsification("PRO07", "the first field counts", status("GET|POST", "/v1/.*", 400, 200)),
    Falsification("PRO08", "two keys are joined", status("POST", "/v1/orders", 400, 201)),
    # validation
    Falsification("VAL01", "a pointer at the wrong field", body("POST", "/v1/auth/register", 422, lambda p: p["errors"][0].update(pointer="#/x"))),
    Falsification("VAL05", "only the first fault", body("POST", "/v1/auth/register", 422, lambda p: p.update(errors=p["errors"][:1]))),
    Falsification("VAL11", "the address as it was typed", body("GET", "/v1/me", 200, lambda u: u.update(email=u["email"].upper()))),
    Falsification("VAL02", "missing is called otherwise", _every(422, _other_code)),
    Falsification("VAL04", "unknown is called otherwise", _every(422, _other_code)),
    Falsification("VAL08", "a list is called otherwise", _every(422, _other_code)),
    Falsification("VAL09", "a bad limit is called otherwise", _every(422, _other_code)),
    Falsification("VAL12", "a control character is called otherwise", _every(422, _other_code)),
    Falsification("VAL13", "too long is called otherwise", _every(422, _other_code)),
    Falsification("VAL18", "a faulty line is called otherwise", _every(422, _other_code)),
    Falsification("VAL21", "a bad login is called otherwise", _every(422, _other_code)),
    Falsification("VAL22", "a bad field is called otherwise", _every(422, _other_code)),
    Falsification("VAL23", "a bad field of a key is called otherwise", _every(422, _other_code)),
    Falsification("VAL25", "a bad field of a product is called otherwise", _every(422, _other_code)),
    Falsification("VAL26", "a bad patch is called otherwise", _every(422, _other_code)),
    Falsification("VAL27", "a bad line is called otherwise", _every(422, _other_code)),
    Falsification("VAL28", "too many lines are called otherwise", _every(422, _other_code)),
    Falsification("VAL31", "a bad parameter is called otherwise", _every(422, _other_code)),
    Falsification("VAL32", "a bad state is called otherwise", _every(422, _other_code)),
    Falsification("VAL03", "an integer as a text", body("POST", "/v1/products", 201, lambda p: p.update(price_cents=str(p["price_cents"])))),
    Falsification("VAL06", "a name is trimmed", body("GET", "/v1/me", 200, lambda user: user.update(display_name=user["display_name"].strip()))),
    Falsification("VAL07", "broken JSON is 422", status("POST", "/v1/.*", 400, 422)),
    Falsification("VAL10", "a malformed id is 422", status("GET", "/v1/.*", 404, 422)),
    Falsification("VAL14", "the last faults first", _every(422, lambda p: p["errors"].reverse())),
    Falsification("VAL15", "a pointer that is no fragment", _every(422, lambda p: p["errors"][0].update(pointer=p["errors"][0]["pointer"] + " "))),
    Falsification("VAL16", "a pointer as long as it is", _every(422, lambda p: p["errors"][0].update(pointer=p["errors"][0]["pointer"] * 2))),
    Falsification("VAL17", "a bound is out of bounds", status("PATCH|POST", "/v1/(me|products|orders|api-keys)", 201, 422)),
    Falsification("VAL19", "a name that the language knows passes", status("POST|PATCH", "/v1/.*", 422, 200)),
    Falsification("VAL24", "a time is refused", status("POST", "/v1/api-keys", 201, 422)),
    Falsification("VAL29", "a duplicate is a fault of the service", Reply(lambda e: e.become(500) if e.reply and e.request.body.count(b'"password"') > 1 else None)),
    Falsification("VAL30", "deep nesting is a fault of the service", Reply(lambda e: e.become(500) if e.reply and b"[[[[[[" in e.request.body else None)),
    Falsification("VAL33", "an undecodable query is 422", status("GET", "/v1/.*", 400, 422)),
    Falsification("VAL34", "an odd address is refused", Reply(lambda e: e.become(422) if e.is_("POST", "/v1/auth/register", 201) and b"localhost" in e.request.body else None)),
    Falsification("VAL35", "a surrogate as a replacement character", _every(422, lambda p: p["errors"][0].update(pointer=p["errors"][0]["pointer"].replace("?", "%EF%BF%BD")))),
    Falsification("VAL36", "a fault is built for each member", Reply(_slow_with_faults)),
    # media
    Falsification("LIM01", "415 without Accept", header("Accept", None, when=415)),
    Falsification("LIM02", "a type in capitals is unknown", Reply(lambda e: e.become(415) if e.reply and "APPLICATION" in (e.request.get("content-type") or "") else None)),
    Falsification("LIM03", "415 without Accept-Encoding", header("Accept-Encoding", None, when=415)),
    Falsification("LIM07", "an empty logout needs a type", Reply(_typed_even_if_empty)),
    Falsification("LIM10", "identity is an encoding", Reply(lambda e: e.become(415) if e.reply and e.request.get("content-encoding") == "identity" else None)),
    Falsification("LIM12", "an empty cancel needs a type", Reply(_typed_even_if_empty)),
    Falsification("LIM04", "the body is read before its size is looked at", Reply(nothing)),
    Falsification("LIM05", "chunks are read to their end", Reply(nothing)),
    Falsification("LIM09", "the body is read before the credentials", Reply(nothing)),
    Falsification("LIM11", "chunks are no body", request(_chunks_are_no_body)),
    Falsification("LIM13", "nobody says to go on", Reply(nothing)),
    Falsification("LIM14", "no deadline", Reply(nothing)),
    Falsification("LIM15", "eight clients are served at once", Reply(nothing, threading.Semaphore(8))),
    # authentication
    Falsification("AUT01", "401 as 403", status("GET", "/v1/me", 401, 403)),
    Falsification("AUT06", "tokens may be stored", header("Cache-Control", "private", path="/v1/auth/.*")),
    Falsification("AUT06", "a cookie", header("Set-Cookie", "session=1", path="/v1/auth/login")),
    Falsification("AUT02", "a public operation looks at credentials", Reply(_credentials_matter)),
    Falsification("AUT03", "any scheme is Bearer", request(_any_scheme)),
    Falsification("AUT04", "an account is told by the text", Reply(_tell_known_accounts)),
    Falsification("AUT05", "a token in the query works", request(_token_from_the_query)),
    Falsification("AUT07", "a disabled user is in", status("GET", "/v1/me", 401, 200)),
    Falsification("AUT07", "a disabled user's key works", Reply(lambda e: e.become(200) if e.is_("GET", "/v1/me", 401) and e.request.get("x-api-key") else None)),
    Falsification("AUT07", "a disabled user refreshes", status("POST", "/v1/auth/refresh", 401, 200)),
    Falsification("AUT07", "a disabled user logs in", status("POST", "/v1/auth/login", 401, 200)),
    Falsification("AUT08", "the second credential is not seen", request(_no_second_credential)),
    Falsification("AUT09", "a token without client_id", _claims(client_id=None)),
    Falsification("AUT09", "a claim too many", _claims(email="canary@suite.example")),
    Falsification("AUT10", "tokens are said to live shorter", body("POST", "/v1/auth/login", 200, _set(expires_in=600))),
    Falsification("AUT11", "a token with one scope", _claims(scope="profile:read")),
    Falsification("AUT11", "a scope too many", _claims(scope="profile:read orders:read orders:write products:write root")),
    Falsification("AUT11", "another role", _claims(roles=["root"])),
    Falsification("AUT12", "an account of the maker's", _ANOTHER_ACCOUNT),
    Falsification("AUT13", "who registers is an administrator", body("POST", "/v1/auth/register", 201, _set(role="admin"))),
    Falsification("AUT13", "a token for who registers", body("POST", "/v1/auth/register", 201, _set(access_token="x.y.z"))),  # noqa: S106 - a lie
    Falsification("AUT14", "a disabled account is told by the text", Reply(_tell_disabled_accounts)),
    # sessions
    Falsification("SES01", "the old refresh token again", Reply(_keep_refresh_token)),
    Falsification("SES04", "a logout that does nothing", Reply(_pretend_logout)),
    Falsification("SES02", "the session of a spent token lives on", status("GET", "/v1/me", 401, 200)),
    Falsification("SES03", "two refreshes with one token", status("POST", "/v1/auth/refresh", 401, 200)),
    Falsification("SES05", "the other sessions live on", status("GET", "/v1/me", 401, 200)),
    Falsification("SES06", "an empty logout is refused", status("POST", "/v1/auth/logout", 204, 422)),
    Falsification("SES07", "the other sessions outlive the password", status("GET", "/v1/me", 401, 200)),
    Falsification("SES08", "the first session again", replay("POST", "/v1/auth/login", 200)),
    Falsification("SES09", "a refresh token that can be guessed", body("POST", "/v1/auth/login", 200, _set(refresh_token="A" * 43))),
    Falsification("SES10", "another digest", _trigger("AFTER INSERT ON refresh_tokens", "UPDATE refresh_tokens SET token_hash = upper(token_hash)")),
    Falsification("SES11", "a refresh token opens the account", status("GET", "/v1/me", 401, 200)),
    Falsification("SES12", "a refused refresh names an error", header("WWW-Authenticate", 'Bearer realm="api", error="invalid_token"', when=401)),
    Falsification("SES14", "a restart forgets", status("GET", "/v1/me", 200, 401)),
    Falsification("SES15", "tokens are said to live longer", body("POST", "/v1/auth/refresh", 200, _set(expires_in=900))),
    Falsification("SES16", "sessions may idle", status("POST", "/v1/auth/refresh", 401, 200)),
    Falsification("SES19", "a refresh looks at Authorization", Reply(_credentials_matter)),
    Falsification("SES17", "a session lasts as long as it is refreshed", status("POST", "/v1/auth/refresh", 401, 200)),
    Falsification("SES20", "spent meanwhile is good enough", status("POST", "/v1/auth/refresh", 401, 200)),
    # jwt
    Falsification("JWT07", "any token is as good as a right one", Reply(_no_bearer_needed)),
    Falsification("JWT18", "a private member in the key set", body("GET", "/.well-known/jwks.json", 200, lambda jwks: jwks["keys"][0].update(d="AQAB"))),
    Falsification("JWT01", "a token unsigned is as good as a right one", Reply(_no_bearer_needed)),
    Falsification("JWT02", "a token signed by a MAC is as good as a right one", Reply(_no_bearer_needed)),
    Falsification("JWT03", "a token with a key inside is as good as a right one", Reply(_no_bearer_needed)),
    Falsification("JWT04", "a token with a URL inside is as good as a right one", Reply(_no_bearer_needed)),
    Falsification("JWT05", "a token with a hostile kid is as good as a right one", Reply(_no_bearer_needed)),
    Falsification("JWT06", "a token changed is as good as a right one", Reply(_no_bearer_needed)),
    Falsification("JWT08", "a token of another issuer is as good as a right one", Reply(_no_bearer_needed)),
    Falsification("JWT09", "a token for another audience is as good as a right one", Reply(_no_bearer_needed)),
    Falsification("JWT10", "a token of another type is as good as a right one", Reply(_no_bearer_needed)),
    Falsification("JWT11", "a token with a critical extension is as good as a right one", Reply(_no_bearer_needed)),
    Falsification("JWT12", "a token that is none is as good as a right one", Reply(_no_bearer_needed)),
    Falsification("JWT13", "a token of no session", status("GET", "/v1/me", 401, 200)),
    Falsification("JWT14", "a right form is refused", status("GET", "/v1/me", 200, 401)),
    Falsification("JWT15", "the previous key is forgotten", Environment({"AUTH_JWT_PREVIOUS_PUBLIC_KEYS": None}, of=("web",))),
    Falsification("JWT16", "a role in a token lifts", status("POST", "/v1/products", 403, 201)),
    Falsification("JWT17", "scopes do not matter", status("GET", "/v1/me", 403, 200)),
    Falsification("JWT21", "a list of one name is a name", Reply(_no_bearer_needed)),
    # authorization
    Falsification("AZ02", "somebody else's key is 403", status("GET", "/v1/api-keys/.*", 404, 403)),
    Falsification("AZ01", "every 403 is a 200", status(".*", "/v1/.*", 403, 200)),
    Falsification("AZ03", "somebody else's order is 403", status("GET|POST", "/v1/orders/.*", 404, 403)),
    Falsification("AZ04", "somebody else's key is listed", Reply(_first_item_for_all)),
    Falsification("AZ05", "a role is taken", status("PATCH", "/v1/me", 422, 200)),
    Falsification("AZ06", "a price of the buyer's is taken", status("POST", "/v1/orders", 422, 201)),
    Falsification("AZ07", "a key wider than its maker", status("POST", "/v1/api-keys", 403, 201)),
    Falsification("AZ08", "an administrator's list lacks an order", _page(lambda items: items.clear(), "/v1/orders")),
    Falsification("AZ09", "a role that is gone works", status("POST", "/v1/products", 403, 201)),
    # passwords
    Falsification("PWD01", "short passwords pass", status("POST", "/v1/auth/register", 422, 201)),
    Falsification("PWD07", "hashes of too little memory", Sql(
        ["CREATE TRIGGER lie AFTER INSERT ON sessions BEGIN UPDATE users SET password_hash = replace(password_hash, 'm=19456', 'm=9456'); END"],
        ["DROP TRIGGER lie"],
    )),
    Falsification("PWD22", "the C library keeps what it got", WithoutWords("MALLOC_")),
    Falsification("PWD21", "no login limit", Environment({"RATE_LIMIT_LOGIN": "1000/4"}, of=("web",))),
    Falsification("PWD13", "no login limit", Environment({"RATE_LIMIT_LOGIN": "1000/4"}, of=("web",))),
    Falsification("PWD14", "failures are counted for good", Reply(_failures_for_good)),
    Falsification("PWD02", "a huge password passes", status("POST", "/v1/auth/register", 422, 201)),
    Falsification("PWD03", "a rule of composition", Reply(lambda e: e.become(422) if e.is_("POST", "/v1/auth/register", 201) and not re.search(rb"[a-z]", e.request.body.split(b'"password"')[1].split(b",")[0]) else None)),
    Falsification("PWD04", "NUL passes", status("POST", "/v1/auth/register", 422, 201)),
    Falsification("PWD05", "common passwords pass", status("POST", "/v1/auth/register", 422, 201)),
    Falsification("PWD06", "one's own address passes", status("POST", "/v1/auth/register", 422, 201)),
    Falsification("PWD08", "no upgrade", _trigger("AFTER INSERT ON sessions", "UPDATE users SET password_hash = '$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA' WHERE id = NEW.user_id")),
    Falsification("PWD09", "an unreadable hash is a fault", status("POST", "/v1/auth/login", 401, 500)),
    Falsification("PWD10", "a wrong current password does", status("POST", "/v1/me/password", 422, 204)),
    Falsification("PWD11", "unknown accounts are answered faster", Reply(_hurry_unknown_accounts)),
    Falsification("PWD12", "the minimum is what it was", Environment({"AUTH_PASSWORD_MIN_LENGTH": "12"}, of=("web",))),
    Falsification("PWD15", "all guesses are tried", Environment({"RATE_LIMIT_LOGIN": "1000/4"}, of=("web",))),
    Falsification("PWD16", "no limit by name", Environment({"RATE_LIMIT_LOGIN": "1000/4"}, of=("web",))),
    Falsification("PWD17", "no limit for changes", Environment({"RATE_LIMIT_LOGIN": "1000/4"}, of=("web",))),
    Falsification("PWD19", "failures of somewhere else", request(_one_address), on="postgresql-redis"),
    Falsification("RAT11", "requests of somewhere else", request(_one_address), on="postgresql-redis"),
    Falsification("RAT12", "an address with a port is none", request(_no_port_is_read)),
    Falsification("RAT13", "a second more than the window", header("RateLimit", '"default";r=9;t=61')),
    Falsification("RAT14", "an unknown key costs nothing", status("GET", "/v1/me", 429, 401)),
    Falsification("RAT14", "an unknown key reaches the database", status("GET", "/v1/me", 429, 500)),
    Falsification("PWD18", "no limit for addresses", request(lambda e: e.request.set("X-Forwarded-For", None))),
    Falsification("PWD20", "nobody else is served meanwhile", Reply(lambda e: time.sleep(0.15) if e.is_("GET", "/livez") else None)),
    # api_keys
    Falsification("KEY01", "the key is shown again", body("GET", "/v1/api-keys/.*", 200, _set(key="key_again"))),
    Falsification("KEY02", "another digest", _trigger("AFTER INSERT ON api_keys", "UPDATE api_keys SET key_hash = upper(key_hash)")),
    Falsification("KEY03", "a revoked key works", status("GET", "/v1/me", 401, 200)),
    Falsification("KEY04", "an expired key works", status("GET", "/v1/me", 401, 200)),
    Falsification("KEY05", "use is not noted", _trigger("AFTER UPDATE OF last_used_at ON api_keys", "UPDATE api_keys SET last_used_at = NULL", "NEW.last_used_at IS NOT NULL")),
    Falsification("KEY06", "each refusal has its words", Reply(lambda e: e.rewrite(lambda p: p.update(detail=f"No key {e.request.get('x-api-key')}.")) if e.is_("GET", "/v1/me", 401) else None)),
    Falsification("KEY07", "a logout takes the keys", _trigger("AFTER UPDATE OF ended_at ON sessions", "DELETE FROM api_keys WHERE user_id = NEW.user_id")),
    Falsification("KEY08", "the oldest first", _page(lambda items: items.reverse(), "/v1/api-keys")),
    # injection
    Falsification("INJ04", "markup comes back escaped", body("GET", "/v1/me", 200, lambda u: u.update(display_name=u["display_name"].replace("<", "&lt;")))),
    Falsification("INJ06", "the host comes back", header("Location", "http://evil.example/v1/me", when=201)),
    Falsification("INJ01", "a search is a fault", status("GET", "/v1/products", 200, 500)),
    Falsification("INJ02", "an attempt is a registration", request(_register_instead)),
    Falsification("INJ03", "any column sorts", status("GET", "/v1/(products|orders)", 422, 200)),
    Falsification("INJ05", "a name of the language is taken", status("POST|PATCH", "/v1/.*", 422, 200)),
    Falsification("INJ07", "wildcards are wild", request(lambda e: setattr(e.request, "start", re.sub(r"q=[^ &]*(%25|_)[^ &]*", "limit=100", e.request.start)))),
    # headers
    Falsification("COR04", "sniffing is allowed", header("X-Content-Type-Options", None)),
    Falsification("COR06", "the server tells its version", header("Server", "gunicorn/27.0")),
    Falsification("COR01", "a preflight that lasts a minute", header("Access-Control-Max-Age", "60")),
    Falsification("COR02", "a header that pages cannot read", header("Access-Control-Expose-Headers", "ETag, Location")),
    Falsification("COR02", "every header is exposed", header("Access-Control-Expose-Headers", f"{', '.join(contract.cors().exposed_headers)}, *")),
    Falsification("COR03", "any origin may read", header("Access-Control-Allow-Origin", "*")),
    Falsification("COR05", "whoever is a proxy's client may say https", Environment({"TRUSTED_PROXIES": "127.0.0.1,::1"}, of=("web",))),
    Falsification("COR05", "HSTS always", header("Strict-Transport-Security", "max-age=31536000; includeSubDomains")),
    Falsification("COR07", "CORS without origins", header("Access-Control-Allow-Origin", "*")),
    Falsification("COR08", "the policy of other replies", header("Content-Security-Policy", "default-src 'none'", path="/docs")),
    Falsification("COR09", "documentation always", status("GET", "/docs|/openapi.json", 404, 200)),
    Falsification("COR10", "304 lacks a header", header("Referrer-Policy", None, when=304)),
    Falsification("COR10", "the catalogue does not vary", header("Vary", None, path="/v1/products")),
    Falsification("COR10", "no page may read a refusal", header("Access-Control-Allow-Origin", None, when=409)),
    # pagination
    Falsification("PAG01", "a page lacks its last row", body("GET", "/v1/products", 200, lambda page: page["items"].pop() and None if len(page["items"]) > 1 else None)),
    Falsification("PAG02", "a row of the next page again", _page(lambda items: items.append(items[0]) if items else None)),
    Falsification("PAG03", "no Link", header("Link", None)),
    Falsification("PAG04", "any cursor is taken", status("GET", "/v1/.*", 422, 200)),
    Falsification("PAG05", "a cursor of nobody's is taken", status("GET", "/v1/.*", 422, 200)),
    Falsification("PAG06", "a row is not found", _page(lambda items: items.pop() if items else None)),
    Falsification("PAG07", "another cursor", body("GET", "/v1/products", 200, lambda page: page.update(next_cursor=keys.base64url(b'["-created_at","lie","lie","lie"]')) if page["next_cursor"] else None)),
    Falsification("PAG08", "orders backwards", _page(lambda items: items.reverse(), "/v1/orders")),
    Falsification("PAG09", "a page of nineteen", _page(lambda items: items.pop() if len(items) == 20 else None)),
    Falsification("PAG10", "any key of a cursor is one", status("GET", "/v1/api-keys", 422, 200)),
    Falsification("PAG10", "a key of another type is a fault", status("GET", "/v1/api-keys", 422, 500)),
    Falsification("PAG11", "any key of a cursor is one", status("GET", "/v1/(products|orders)", 422, 200)),
    # conditional
    Falsification("CAC01", "304 without ETag", header("ETag", None, when=304)),
    Falsification("CAC02", "an old body is replayed", replay("GET", "/v1/products/.*", 200)),
    Falsification("CAC03", "a product as it was", replay("GET", "/v1/products/.*", 200)),
    Falsification("CAC04", "a tag of its own", header("ETag", '"0123456789abcdef0123456789abcdef"', path="/v1/products")),
    Falsification("CAC05", "cached for ten minutes", Environment({"CACHE_TTL_SECONDS": "600"}, of=("web",))),
    Falsification("CAC06", "what is personal may be kept", header("Cache-Control", "private, max-age=60", path="/v1/me")),
    Falsification("CAC07", "a stale change works", status("PATCH|DELETE", "/v1/products/.*", 412, 200)),
    Falsification("CAC08", "a change leaves the time", body("PATCH", "/v1/products/.*", 200, lambda p: p.update(updated_at=p["created_at"]))),
    Falsification("CAC08", "no change is a change", body("PATCH", "/v1/products/.*", 200, lambda p: p.update(version=p["version"] + 1))),
    Falsification("CAC09", "two changes of one version", status("PATCH", "/v1/products/.*", 412, 200)),
    Falsification("CAC11", "a stale change works", status("PATCH|DELETE", "/v1/products/.*", 412, 200)),
    Falsification("CAC11", "the whole row is written", _trigger("AFTER UPDATE OF price_cents ON products", "UPDATE products SET name = 'Before' WHERE id = NEW.id", "NEW.price_cents = 5000 AND OLD.price_cents <> 5000")),
    Falsification("CAC12", "one unreadable member spoils the list", status("GET", "/v1/products/.*", 304, 200)),
    Falsification("CAC12", "an unreadable member matches", status("PATCH", "/v1/products/.*", 412, 200)),
    Falsification("CAC13", "the cache is told before the commit", Source("shop/products/services.py", {"transaction.on_commit(cache.invalidate)": "cache.invalidate()"}), on="postgresql-redis"),
    Falsification("CAC14", "everybody asks the database", Source("shop/products/cache.py", {"mine = future is None": "mine = True"}), on="postgresql-redis"),
    Falsification("CAC10", "each process knows its own writes", Source("shop/products/redis_store.py", {
        "return int(client.get(GENERATION) or 0)": "self.known = getattr(self, 'known', 0) or int(client.get(GENERATION) or 0)\n            return self.known",
        "client.incr(GENERATION)": "self.known = client.incr(GENERATION)",
    }), on="postgresql-redis"),
    Falsification("CAC10", "one process whatever is asked for", _ONE_PROCESS, on="postgresql-redis"),
    # transactions
    Falsification("TX01", "a sold-out product is sold", status("POST", "/v1/orders", 409, 201)),
    Falsification("TX02", "shortages in another order", body("POST", "/v1/orders", 409, lambda p: p["shortages"].reverse())),
    Falsification("TX03", "lines in another order", body("POST|GET", "/v1/orders.*", None, lambda o: o["lines"].reverse() if "lines" in o else None)),
    Falsification("TX04", "two currencies at once", status("POST", "/v1/orders", 422, 201)),
    Falsification("TX05", "a cancel leaves the time", body("GET", "/v1/orders/.*", 200, lambda o: o.update(updated_at=o["created_at"]))),
    Falsification("TX15", "products are locked from the last to the first", Source("shop/products/selectors.py", {'.order_by("pk")': '.order_by("-pk")'}), on="postgresql-redis"),
    Falsification("TX05", "every cancel succeeds", status("POST", "/v1/orders/.*/cancel", 409, 200)),
    Falsification("TX06", "an order in the way of another", Reply(lambda e: e.become(409) if e.is_("POST", "/v1/orders", 201) and not e.memory.setdefault("once", []) and not e.memory["once"].append(1) else None)),
    Falsification("TX08", "an address twice", status("POST", "/v1/auth/register", 409, 201)),
    Falsification("TX07", "a deletion beside orders is a fault", Reply(lambda e: e.become(500) if e.is_("DELETE", "/v1/products/.*") and e.status in {204, 409} else None)),
    Falsification("TX09", "the key is kept before the order is", Source("shop/idempotency/services.py", {
        "            with transaction.atomic():\n                record = _claim(key)\n": "            record = _claim(key)\n            with transaction.atomic():\n",
    }), on="postgresql-redis"),
    Falsification("TX10", "another quantity", _trigger("AFTER INSERT ON order_lines", "UPDATE order_lines SET quantity = quantity + 1 WHERE id = NEW.id")),
    Falsification("TX11", "the stock of before is sold", status("POST", "/v1/orders", 409, 201)),
    Falsification("TX11", "the stock of before is counted down", _trigger("AFTER UPDATE OF stock ON products", "UPDATE products SET stock = 7 WHERE id = NEW.id", "NEW.stock = 27")),
    Falsification("TX12", "cancelled twice", status("POST", "/v1/orders/.*/cancel", 409, 200)),
    Falsification("TX13", "the stock of before is counted up", _trigger("AFTER UPDATE OF stock ON products", "UPDATE products SET stock = 10 WHERE id = NEW.id", "NEW.stock = 54")),
    Falsification("TX14", "half a cancel succeeds", status("POST", "/v1/orders/.*/cancel", 500, 200)),
    # idempotency
    Falsification("IDE01", "a replay does not say so", header("Idempotency-Replayed", None)),
    Falsification("IDE02", "the same key for another order", status("POST", "/v1/orders", 422, 201)),
    Falsification("IDE03", "nobody is told of a replay", header("Idempotency-Replayed", None)),
    Falsification("IDE04", "somebody else's order is replayed", header("Idempotency-Replayed", "true", path="/v1/orders", when=201)),
    Falsification("IDE05", "a refusal keeps the key", header("Idempotency-Replayed", "true", path="/v1/orders", when=201)),
    Falsification("IDE06", "a replay is the order as it is", Reply(lambda e: e.rewrite(_set(status="cancelled")) if e.reply and e.reply.get("idempotency-replayed") else None)),
    Falsification("IDE07", "any key is one", request(lambda e: e.request.set("Idempotency-Key", "lie") if e.request.get("idempotency-key") is not None else None)),
    Falsification("IDE08", "an odd key is none", status("POST", "/v1/orders", 201, 400)),
    Falsification("IDE09", "keys live longer", Environment({"IDEMPOTENCY_TTL_SECONDS": "86400"}, of=("web",))),
    Falsification("IDE09", "keys are forgotten at a restart", header("Idempotency-Replayed", None, when=201)),
    Falsification("IDE09", "keys are kept for good", header("Idempotency-Replayed", "true", path="/v1/orders", when=201)),
    Falsification("IDE10", "another digest", _trigger("AFTER UPDATE ON idempotency_keys", "UPDATE idempotency_keys SET body_hash = upper(body_hash)")),
    Falsification("IDE11", "a twin in progress is a fault", Source("shop/idempotency/services.py", {"if claiming and waited_too_long(error):": "if False:"}), on="postgresql-redis"),
    Falsification("IDE12", "a twin is told to come back at once", Reply(_tell_twins_to_come_back), on="postgresql-redis"),
    # lifecycle
    Falsification("OPS11", "SIGTERM is ignored", Wrapper(_IGNORE_SIGTERM)),
    Falsification("OPS01", "start is not logged", _drop_event("sys_startup")),
    Falsification("OPS06", "an exit that looks like a fault", _exit(3)),
    Falsification("OPS07", "an exit that looks clean", _exit(0)),
    Falsification("OPS13", "a start that ends in a fault", _exit(3)),
    Falsification("OPS15", "a time of elsewhere", body("POST", "/v1/auth/register", 201, _set(created_at="2020-01-01T00:00:00.000Z"))),
    Falsification("OPS15", "a file is written", Wrapper(_WRITES)),
    Falsification("OPS15", "`.env` is read", Wrapper(_READS_ENV)),
    Falsification("OPS15", "the language decides what is lower", body("POST", "/v1/auth/register", 201, lambda u: u.update(email=u["email"].replace("iris", "\N{LATIN SMALL LETTER DOTLESS I}ris")))),
    Falsification("OPS17", "a taken port is no fault", _exit(0)),
    Falsification("OPS18", "a cold first request", _late(0.8, "/v1/me")),
    Falsification("OPS18", "a cold first login", _late(0.5, "/v1/auth/login")),
    Falsification("OPS21", "a cleanup that does nothing", Wrapper("pass", "cleanup")),
    Falsification("OPS29", "a cleanup that does nothing", Wrapper("pass", "cleanup")),
    Falsification("OPS22", "no delay", Environment({"SHUTDOWN_DELAY_MS": "0"}, of=("web",))),
    Falsification("OPS22", "ready while it ends", _READY_WHATEVER_COMES),
    Falsification("OPS22", "the request in flight is cut", Wrapper(_CUTS_AT_ONCE)),
    Falsification("OPS23", "a second signal ends it", Wrapper(_CUTS_AT_THE_SECOND)),
    Falsification("OPS24", "output that must be read", Wrapper(_WAITS_FOR_READERS)),
    Falsification("OPS25", "connections are kept for a minute", Environment({"KEEP_ALIVE_TIMEOUT_MS": "60000"}, of=("web",))),
    Falsification("OPS25", "connections are kept for a second", Environment({"KEEP_ALIVE_TIMEOUT_MS": "1000"}, of=("web",))),
    Falsification("OPS26", "nobody waits for a release", Source("shop/database/migration_lock.py", {"fcntl.flock(file, fcntl.LOCK_EX)": "pass"}, "release")),
    Falsification("OPS27", "a session that is lost is a fault", status("PATCH", "/v1/me", 503, 500), on="postgresql-redis"),
    Falsification("OPS27", "a session that is lost costs the next request too", status("GET", "/v1/me", 200, 504), on="postgresql-redis"),
    Falsification("OPS28", "full is not ready", status("GET", "/readyz", 200, 503)),
    Falsification("OPS05", "ready whatever the database", _READY_WHATEVER_COMES, on="postgresql-redis"),
    Falsification("OPS08", "whoever comes second gives up", Source("shop/database/migration_lock.py", {"fcntl.LOCK_EX)": "fcntl.LOCK_EX | fcntl.LOCK_NB)\n        __import__('time').sleep(3)"}, "release")),
    Falsification("OPS10", "ready whatever the database", _READY_WHATEVER_COMES),
    Falsification("OPS12", "SIGTERM comes late", Wrapper(_SLOW_TO_STOP)),
    Falsification("OPS14", "no start without all migrations", Source("shop/config/wsgi.py", {"\nwarm_up()": _LOOKS_FOR_MIGRATIONS})),
    Falsification("OPS16", "the children stay", Wrapper(_LEAVES_CHILDREN), on="postgresql-redis"),
    Falsification("OPS16", "one process whatever is asked for", _ONE_PROCESS, on="postgresql-redis"),
    # faults
    Falsification("OPS20", "a statement that waits too long succeeds", status("PATCH", "/v1/me", 503, 200)),
    Falsification("ERR03", "which fault it was", Reply(lambda e: e.rewrite(lambda d: d.update(detail=f"It failed at {e.path}.")) if e.status >= 500 else None)),
    Falsification("ERR03", "a 500 that tells SQL", Reply(_leak_sql)),
    Falsification("OPS04", "no connection is no fault", status("GET", "/v1/me", 503, 200)),
    Falsification("ERR07", "a 503 that tells the exception", Reply(_leak_exception), on="postgresql-redis"),
    Falsification("OPS02", "ready whatever the database", _READY_WHATEVER_COMES, on="postgresql-redis"),
    Falsification("OPS03", "patience with a silent database", Environment({"REQUEST_TIMEOUT_MS": "8000"}, of=("web",)), on="postgresql-redis"),
    Falsification("OPS19", "idle connections are not looked at", Source("shop/database/postgresql/base.py", {"has_hung_up(connection.fileno())": "False"}), on="postgresql-redis"),
    Falsification("RED01", "no Redis, no service", Source("shop/rate_limiting/limiter.py", {"window = None  # better no limit than no service": "raise"}), on="postgresql-redis"),
    Falsification("RED02", "no Redis, no catalogue", Source("shop/products/cache.py", {"        return load()\n    if": "        raise\n    if"}), on="postgresql-redis"),
    Falsification("RED01", "nobody is told", _drop_event("sys_dependency_fail"), on="postgresql-redis"),
    Falsification("RED01", "nobody counts", _old_metrics(), on="postgresql-redis"),
    Falsification("RED01", "not ready without Redis", status("GET", "/readyz", 200, 503), on="postgresql-redis"),
    Falsification("RED02", "nobody counts", _old_metrics(), on="postgresql-redis"),
    Falsification("RED02", "cached for ten minutes", Environment({"CACHE_TTL_SECONDS": "600"}, of=("web",)), on="postgresql-redis"),
    Falsification("RED03", "one name for the bodies of all stacks", Source("shop/products/cache.py", {'PREFIX = "cat:django"': 'PREFIX = "cat"'}), on="postgresql-redis"),
    # limits
    Falsification("OPS09", "no limit", status("GET", "/v1/.*", 429, 404)),
    Falsification("RAT01", "what is left is not told", header("RateLimit", None)),
    Falsification("RAT02", "429 without Retry-After", header("Retry-After", None, when=429)),
    Falsification("RAT03", "a window without end", Reply(_closed_for_good)),
    Falsification("RAT04", "all addresses are one", request(_one_address)),
    Falsification("RAT05", "who sends a credential is counted elsewhere", request(lambda e: e.request.set("X-Forwarded-For", "203.0.113.98") if e.request.get("authorization") else None)),
    Falsification("RAT06", "probes are counted", header("RateLimit", '"default";r=1;t=1', path="/livez")),
    Falsification("RAT07", "the proxy is the client", _without_request_header("X-Forwarded-For")),
    Falsification("RAT08", "each IPv6 address counts alone", status("GET", "/v1/.*", 429, 404)),
    Falsification("RAT09", "anybody names the client", Environment({"TRUSTED_PROXIES": "127.0.0.1"}, of=("web",))),
    Falsification("RAT10", "each process counts for itself", Source("shop/rate_limiting/redis_counters.py", {
        "register_script(HIT)([key]": "register_script(HIT)([f'{key}:{__import__(\"os\").getpid()}']",
    }), on="postgresql-redis"),
    Falsification("RAT10", "one process whatever is asked for", _ONE_PROCESS, on="postgresql-redis"),
    # logs
    Falsification("LOG01", "a line of another form", Line(lambda text: text.replace('"level":"info"', '"level":"INFO"'))),
    Falsification("LOG02", "a method that was not sent", line(lambda entry: entry.update({"http.request.method": "GET"}) if "http.request.method" in entry else None)),
    Falsification("LOG02", "milliseconds for seconds", line(lambda entry: entry.update({_DURATION: entry[_DURATION] * 1000}) if _DURATION in entry else None)),
    Falsification("LOG03", "an error tells the credential", Reply(_leak_authorization)),
    Falsification("LOG05", "failed logins are not logged", _drop_event("authn_login_fail")),
    Falsification("LOG10", "nobody's name", _without_key("user.id")),
    Falsification("LOG04", "the path as the route", line(lambda entry: entry.update({"http.route": entry["url.path"]}) if "url.path" in entry else None)),
    Falsification("LOG06", "an exception without its stack", line(lambda entry: entry.pop("exception.type", None) and None)),
    Falsification("LOG07", "every line is information", line(lambda entry: entry.update(level="info"))),
    Falsification("LOG08", "the level does not matter", Environment({"LOG_LEVEL": "debug"}, of=("web",))),
    Falsification("LOG09", "JSON for people", Environment({"LOG_FORMAT": "json"}, of=("web",))),
    Falsification("LOG11", "a value as long as it came", line(lambda entry: entry.update({"url.path": entry["url.path"] + "p" * 3000}) if "url.path" in entry else None)),
    Falsification("LOG12", "a refused login is not logged", _drop_event("authn_login_fail_max")),
    Falsification("LOG13", "no trace", _without_key("trace_id")),
    Falsification("LOG14", "who hangs up is not logged", line(lambda entry: entry.get("http.response.status_code") != 400)),
    Falsification("LOG14", "what was never read is logged as done", line(lambda entry: entry.update({"http.response.status_code": 200}) if entry.get("http.response.status_code") == 400 else None)),
    Falsification("LOG15", "an order of nobody", _without_key("user.id")),
    # traces
    Falsification("TRC01", "the caller's trace is dropped", request(lambda e: e.request.set("traceparent", None))),
    Falsification("TRC07", "a value in a span", Spans(lambda s: replace(s, attributes={**s.attributes, "db.query.parameter.0": "canary-display-name"}))),
    Falsification("TRC06", "no route in the span", Spans(lambda s: without(s, "http.route"))),
    Falsification("TRC02", "later versions are not read", _without_request_header("traceparent")),
    Falsification("TRC03", "an invalid trace is continued", _every(401, _set(trace_id="4bf92f3577b34da6a3ce929d0e0e4736"))),
    Falsification("TRC04", "one trace for all", _every(401, _set(trace_id="0123456789abcdef0123456789abcdef"))),
    Falsification("TRC05", "everything is exported", request(lambda e: e.request.set("traceparent", re.sub("00$", "01", e.request.get("traceparent") or "")))),
    Falsification("TRC10", "the last spans are lost", Spans(lambda _: None)),
    Falsification("TRC11", "a strange tracestate ends the trace", _without_request_header("traceparent")),
    Falsification("TRC12", "what is inserted has no span", Spans(lambda s: None if "INSERT" in str(s.attributes.get("db.query.text")) else s)),
    Falsification("TRC12", "what is deleted has no span", Spans(lambda s: None if "DELETE" in str(s.attributes.get("db.query.text")) else s)),
    Falsification("TRC08", "spans are always exported", Source("shop/config/environment.py", {'bool(read.text("OTEL_EXPORTER_OTLP_ENDPOINT"))': "True"})),
    Falsification("TRC09", "a request waits for the collector", _late(1.5, "/v1/me")),
    Falsification("TRC09", "a line for each export", line(lambda entry: entry.pop("event", None) and None)),
    Falsification("TRC09", "a slow end", Wrapper(_SLOWER_TO_STOP)),
    # metrics
    Falsification("MET01", "a family is missing", Reply(lambda e: setattr(e.reply, "body", e.reply.body.replace(b"auth_login_total", b"logins_total")) if e.reply and e.path == "/metrics" else None)),
    Falsification("MET03", "half the requests are counted", Reply(lambda e: setattr(e.reply, "body", re.sub(rb"(_count\{[^}]*\}) (\d+)", lambda m: m[1] + b" %d" % (int(m[2]) // 2), e.reply.body)) if e.reply and e.path == "/metrics" else None)),
    Falsification("MET02", "metrics for everybody", status("GET", "/metrics", 401, 200)),
    Falsification("MET02", "a challenge of another scheme", header("WWW-Authenticate", "Basic", when=401)),
    Falsification("MET02", "a prefix will do", Reply(lambda e: e.become(200) if e.is_("GET", "/metrics", 401) and e.request.get("authorization") and len(e.request.get("authorization") or "") in (33, 32, 31) else None)),
    Falsification("MET04", "a label of the client's", Reply(lambda e: setattr(e.reply, "body", e.reply.body + b'canary{path="/canary"} 1\n') if e.reply and e.path == "/metrics" else None)),
    Falsification("MET05", "a hundred times the time", _metrics(rb"(_sum\{[^}]*\}) (\S+)", lambda found: b"%s %f" % (found[1], float(found[2]) * 100))),
    Falsification("MET06", "logins are not counted", _old_metrics()),
    Falsification("MET07", "refusals are not counted", _old_metrics()),
    Falsification("MET08", "nothing is ever active", _old_metrics()),
    Falsification("MET09", "orders are not counted", _old_metrics()),
    Falsification("MET10", "look-ups are not counted", _old_metrics()),
    # settings
    Falsification("CFG01", "another exit code", Wrapper(_WRONG_EXIT)),
    Falsification("CFG08", "an administrator by default", Environment({"BOOTSTRAP_ADMIN_EMAIL": "root@suite.example", "BOOTSTRAP_ADMIN_PASSWORD": "canary-default-password"}, of=("release",))),
    Falsification("CFG02", "another exit code", Wrapper(_WRONG_EXIT)),
    Falsification("CFG02", "a list is taken as it is", Environment({"TRUSTED_PROXIES": None, "CORS_ALLOWED_ORIGINS": None}, of=("web",))),
    Falsification("CFG02", "a value is printed", Wrapper(_TELLS_SETTINGS)),
    Falsification("CFG03", "the file wins", Source("shop/config/environment.py", {"        if self.variables.get(name):\n": "        if not path:\n"})),
    Falsification("CFG04", "another exit code", Wrapper(_WRONG_EXIT)),
    Falsification("CFG05", "another exit code", Wrapper(_WRONG_EXIT)),
    Falsification("CFG06", "no warning", line(lambda entry: entry["level"] != "warn")),
    Falsification("CFG07", "a secret among the arguments", Wrapper(_TELLING_ARGUMENTS)),
    Falsification("CFG09", "another exit code", Wrapper(_WRONG_EXIT)),
    Falsification("CFG10", "http is never allowed", Source("shop/config/environment.py", {'LOOPBACK = {"localhost", "127.0.0.1", "::1"}': "LOOPBACK: set[str] = set()"})),
    Falsification("CFG11", "whoever is named becomes administrator", Source("shop/maintenance/management/commands/release.py", {
        "if not email or User.objects.filter(email=normalise_email(email)).exists():": "if not email or User.objects.filter(email=normalise_email(email)).update(role=ADMIN):",
    }, "release")),
    Falsification("CFG12", "another exit code of release", Wrapper(_WRONG_EXIT, "release")),
    Falsification("CFG13", "empty is a value", Environment({"AUTH_ACCESS_TTL_SECONDS": "600"}, of=("web",))),
    Falsification("CFG14", "a variable of somebody's is read", status("GET", "/v1/unknown", 404, 500)),
    Falsification("CFG14", "anybody may say https", header("Strict-Transport-Security", "max-age=31536000; includeSubDomains", path="/livez")),
    Falsification("CFG14", "another number of processes", Environment({"APP_ENV": "development", "WEB_CONCURRENCY": "2"}, of=("web",))),
    Falsification("CFG15", "the limit is what it was", Environment({"MAX_BODY_BYTES": "1048576"}, of=("web",))),
    Falsification("CFG15", "the default is another", Reply(lambda e: e.become(413) if e.reply and len(e.request.body) > 1_000_000 else None)),
    Falsification("CFG17", "another exit code", Wrapper(_WRONG_EXIT)),
    Falsification("CFG17", "one process whatever is asked for", _ONE_PROCESS, on="postgresql-redis"),
    Falsification("CFG17", "two processes by default", Environment({"WEB_CONCURRENCY": "2"}, of=("web",)), on="postgresql-redis"),
    Falsification("CFG19", "TLS is not asked for", WithoutParameters("DATABASE_URL"), on="postgresql-redis"),
    Falsification("CFG22", "the delay may use up the whole time", Source("shop/config/environment.py", {'values["shutdown_delay"] >= values["shutdown_timeout"]': 'values["shutdown_delay"] > values["shutdown_timeout"]'})),
    Falsification("CFG22", "the delay is compared with nothing", Source("shop/config/environment.py", {'values["shutdown_delay"] >= values["shutdown_timeout"]': "False"})),
    Falsification("CFG21", "every address is listened on", Environment({"HOST": "0.0.0.0"}, of=("web",))),  # noqa: S104 - the lie
    Falsification("CFG20", "parameters are passed over", WithoutParameters("DATABASE_URL"), on="postgresql-redis"),
    Falsification("CFG18", "another exit code", Wrapper(_WRONG_EXIT)),
    # database_schema
    Falsification("SCH02", "a unique rule that the contract lacks", Sql(["CREATE UNIQUE INDEX lie ON sessions (user_id, created_at)"], ["DROP INDEX lie"])),
    Falsification("SCH02", "an index is missing", Sql(["DROP INDEX sessions_expires_at_idx"], ["CREATE INDEX sessions_expires_at_idx ON sessions (expires_at)"])),
    Falsification("SCH01", "a name as long as it likes", Sql(["ALTER TABLE users ALTER COLUMN display_name TYPE text"], ["ALTER TABLE users ALTER COLUMN display_name TYPE varchar(100)"]), on="postgresql-redis"),
    Falsification("SCH03", "a table of the sample is there", Sql(["CREATE TABLE products (id integer)"], ["DROP TABLE products"]), on="without-sample"),
    Falsification("SCH07", "addresses compare as people read them", Sql(
        ["ALTER TABLE users MODIFY email varchar(254) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci NOT NULL"],
        ["ALTER TABLE users MODIFY email varchar(254) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL"],
    ), on="mysql"),
    Falsification("SCH04", "a rule that is not kept", _trigger("BEFORE UPDATE ON users", "SELECT raise(IGNORE)", "NEW.role = 'root'")),
    Falsification("SCH04", "another rule stands in the way", _trigger("BEFORE UPDATE ON users", "SELECT raise(ABORT, 'lie')", "NEW.role = 'root'")),
    Falsification("SCH05", "stock below nought", _trigger("BEFORE UPDATE ON products", "SELECT raise(IGNORE)", "NEW.stock < 0")),
    Falsification("SCH05", "another rule stands in the way", _trigger("BEFORE UPDATE ON products", "SELECT raise(ABORT, 'lie')", "NEW.stock < 0")),
    Falsification("SCH06", "addresses as they were typed", _trigger("AFTER INSERT ON users", "UPDATE users SET email = upper(email) WHERE id = NEW.id")),
    Falsification("SCH08", "blanks are cut", _trigger("AFTER UPDATE OF email ON users", "UPDATE users SET email = rtrim(email) || '.' WHERE id = NEW.id", "NEW.email LIKE '% '")),
    # project_layout
    Falsification("LAY01", "no AGENTS.md", Tree("AGENTS.md")),
    Falsification("LAY05", "a setting of Redis without it", Tree(".env.example", lambda text: text + "\nREDIS_URL=redis://127.0.0.1\n")),
    Falsification("LAY05", "another default", _replaced(".env.example", "#DB_POOL_SIZE=10", "#DB_POOL_SIZE=20")),
    Falsification("LAY05", "a setting is missing", _replaced(".env.example", "#DB_POOL_SIZE=10\n", "")),
    Falsification("LAY05", "a secret that works", _replaced(".env.example", "#METRICS_TOKEN=", "METRICS_TOKEN=canary")),
    Falsification("LAY02", "make knows no image", Tree("Makefile", lambda text: re.sub(r"\bimage\b", "picture", text))),
    Falsification("LAY02", "a command that is only announced", Tree("Makefile", lambda text: re.sub(r"\nlint:.*\n(\t.*\n)+", "\n", text))),
    Falsification("LAY03", "no map", _replaced("README.md", "tests/integration/", "tests/")),
    Falsification("LAY04", "a shell is needed", _replaced("Procfile", "web: ", "web: exec $HOME/")),
    Falsification("LAY06", "secrets are committed", _replaced(".gitignore", ".env", ".environment")),
    Falsification("LAY06", "what is made is committed", _replaced(".gitignore", ".venv/", "")),
    Falsification("LAY06", "the example is ignored", Tree(".gitignore", lambda text: text + "\n.env*\n")),
    Falsification("LAY07", "the image runs as root", Tree("Dockerfile", lambda text: text + "\nUSER root\n")),
    Falsification("LAY08", "release only migrates", _replaced("compose.yaml", "manage.py release", "manage.py migrate")),
    Falsification("LAY08", "compose starts both at once", _replaced("compose.yaml", "service_completed_successfully", "service_started")),
    Falsification("LAY09", "an operation is not shown", _replaced("docs/api.http", "/v1/me/password", "/v1/me")),
    Falsification("LAY10", "a key in the files", Tree("README.md", lambda text: text + "\n-----BEGIN PRIVATE KEY-----\n" + "A" * 64 + "\n")),
    Falsification("LAY11", "a setting that nobody explains", _replaced("README.md", "SHUTDOWN_TIMEOUT_MS", "SHUTDOWN")),
    # n_plus_one
    Falsification("NPO03", "statements that are not traced", Spans(lambda s: None if s.is_database else s)),
    Falsification("NPO01", "the lines of each order are asked for one by one", _N_PLUS_ONE),
    Falsification("NPO02", "a cache that never hits", request(_never_the_same_page)),
    Falsification("NPO04", "the look at the session is not traced", Spans(lambda s: None if s.is_database and "sessions" in str(s.attributes.get("db.query.text")) else s), on="postgresql-redis"),
    Falsification("NPO05", "the lines of each order are asked for one by one", _N_PLUS_ONE),
    Falsification("NPO06", "one more statement", Source("shop/authentication/credentials.py", {"    if session is None:": "    if session is None or not User.objects.filter(pk=session.user_id).exists():"})),
    # openapi
    Falsification("OAS01", "the document lacks an operation", body("GET", "/openapi.json", 200, lambda d: d["paths"].pop("/v1/me") and None)),
    Falsification("OAS01", "a schema that allows more", body("GET", "/openapi.json", 200, lambda d: d["components"]["schemas"]["User"].update(additionalProperties=True))),
    Falsification("OAS01", "a member of another type", body("GET", "/openapi.json", 200, lambda d: d["components"]["schemas"]["User"]["properties"]["email"].update(type="integer"))),
    Falsification("OAS01", "a scope that is gone", body("GET", "/openapi.json", 200, lambda d: d["components"]["schemas"]["Scope"]["oneOf"].pop(0) and None)),
    Falsification("OAS01", "an operation that a key may call too", body("GET", "/openapi.json", 200, lambda d: d["paths"]["/v1/me"]["patch"]["security"].append({"apiKey": []}))),
    Falsification("OAS02", "a member is missing", body("GET", "/v1/me", 200, lambda u: u.pop("updated_at") and None)),
    Falsification("OAS03", "an undocumented member", body("GET", "/v1/me", 200, _set(secret_column="x"))),  # noqa: S106 - a member of a reply
    Falsification("OAS04", "a path that nobody documented", status("GET", "/.*", 404, 200)),
    Falsification("OAS05", "a schema that is none", body("GET", "/openapi.json", 200, lambda d: d["components"]["schemas"]["User"].update(type="person"))),
    Falsification("SCH09", "an own table refers to users without an index", Sql(("CREATE TABLE own_things (id integer PRIMARY KEY, user_id char(32) REFERENCES users (id))",), ("DROP TABLE own_things",))),
    *OWN,
)  # fmt: skip


UNFALSIFIED: Mapping[str, str] = {}
"""Checks about which no lie can be told honestly, and why."""


def chosen(on: str, number: int) -> list[Falsification]:
    """The entries of one round on a project: those that come `number`-th for their check."""
    seen: dict[str, int] = {}
    found = []
    for entry in _on(on):
        if seen.setdefault(entry.check, 0) == number:
            found.append(entry)
        seen[entry.check] += 1
    return found


def rounds() -> list[tuple[str, int]]:
    """The rounds that the table needs: each a project and a number."""
    checks = {on: [entry.check for entry in _on(on)] for on in PROJECTS}
    return [
        (on, number)
        for on, of_project in checks.items()
        for number in range(max((of_project.count(check) for check in of_project), default=0))
    ]


def _on(project: str) -> list[Falsification]:
    return [entry for entry in FALSIFICATIONS if entry.on == project]
