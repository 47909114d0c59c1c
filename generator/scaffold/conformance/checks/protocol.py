"""HTTP itself: hosts, versions, framing and fields that stand twice, as proxies in front have to be able to rely on."""

from __future__ import annotations

import json
import time
import uuid
from typing import TYPE_CHECKING

import pytest

from scaffold.conformance import expect
from scaffold.conformance.raw import ConnectionEndedError
from scaffold.conformance.registry import check

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scaffold.conformance.accounts import People, Shop
    from scaffold.conformance.exchange import Reply
    from scaffold.conformance.service import Service

_RAW = {"raw"}
_LOGIN = json.dumps({"email": "nobody@people.suite.example", "password": "wrong"}).encode()


def _answer(service: Service, data: bytes) -> Reply:
    with service.raw() as connection:
        connection.send(data)
        return connection.reply()


@check(
    "PRO01",
    "HTTP/1.1 without a Host, with two, or with one that is none is 400.",
    source="RFC 9112 §3.2; RFC 9110 §7.2; contract §11.24",
    needs=_RAW,
)
@pytest.mark.parametrize(
    "hosts",
    [[], ["x", "x"], ["x", "y"], ["a b"], ["a/b"], ["a@b"], ["[::1"], ["x:y"], ["x:99999999"], ["a?b"], ["a#b"]],
    ids=" and ".join,
)  # fmt: skip
def check_bad_host(service: Service, hosts: list[str]) -> None:
    lines = "".join(f"Host: {host}\r\n" for host in hosts)
    for path in ("/livez", "/v1/me"):
        expect.status(_answer(service, f"GET {path} HTTP/1.1\r\n{lines}\r\n".encode()), 400)


@check("PRO02", "Every right Host is taken, and HTTP/1.0 needs none.", source="RFC 9112 §3.2", needs=_RAW)
@pytest.mark.parametrize(
    "host", ["x", "x:80", "localhost:65535", "192.0.2.1", "[2001:db8::1]", "[::1]:8000", "a-b.c_d.example"]
)
def check_good_host(service: Service, host: str) -> None:
    expect.status(_answer(service, f"GET /livez HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()), 200)
    expect.status(_answer(service, b"GET /livez HTTP/1.0\r\n\r\n"), 200)


@check(
    "PRO03",
    "An encoded slash separates nothing: such a path is 404.",
    source="RFC 3986 §2.2, §6.2.2; contract §11.24",
    needs=_RAW,
)
@pytest.mark.parametrize("slash", ["%2F", "%2f"])
def check_encoded_slash(service: Service, people: People, slash: str) -> None:
    account = people.new()
    key = people.key(account)["id"]
    for path in (f"/v1{slash}me", f"/{slash}livez", f"/v1/api-keys{slash}{key}", f"/livez{slash}",
                 f"/v1/me{slash}password", f"/.well-known{slash}jwks.json"):  # fmt: skip
        expect.problem(account.api.get(path), 404)
    expect.status(_answer(service, f"GET /v1{slash}.well-known HTTP/1.1\r\nHost: x\r\n\r\n".encode()), 404)


@check(
    "PRO04",
    "HTTP/1.0 with Transfer-Encoding is answered once, and the connection closed.",
    source="RFC 9112 §6.1; contract §11.24",
    needs=_RAW,
)
def check_old_chunks(service: Service) -> None:
    smuggled = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"
    head = b"POST /v1/auth/login HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\nContent-Type: application/json\r\n"
    body = b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(_LOGIN), _LOGIN)
    with service.raw(timeout=5) as connection:
        connection.send(head + body + smuggled)
        expect.status(connection.reply(), 400, 401, 411, 501)
        try:
            second = connection.reply()
        except ConnectionEndedError:
            return
        except TimeoutError:
            expect.fail("expected the connection to be closed")
        expect.fail("expected one reply", second)


@check("PRO05", "HTTP/1.0 with Expect gets no 100.", source="RFC 9110 §10.1.1; contract §11.24", needs=_RAW)
def check_old_expect(service: Service) -> None:
    head = (
        b"POST /v1/auth/login HTTP/1.0\r\nHost: x\r\nExpect: 100-continue\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n" % len(_LOGIN)
    )
    with service.raw(timeout=5) as connection:
        connection.send(head)
        time.sleep(0.3)
        connection.send(_LOGIN)
        expect.status(connection.reply(), 401)


@check(
    "PRO06",
    "A version other than 1.0 and 1.1 is 505 or a closed connection, and never comes back.",
    source="RFC 9110 §2.5, §15.6.6; contract §11.24",
    needs=_RAW,
)
@pytest.mark.parametrize("version", ["HTTP/1.2", "HTTP/1.9", "HTTP/2.0", "HTTP/0.9", "HTTP/3", "http/1.1", "HTTP/1.10"])
def check_versions(service: Service, version: str) -> None:
    with service.raw(timeout=5) as connection:
        connection.send(f"GET /livez {version}\r\nHost: x\r\n\r\n")
        try:
            reply = connection.reply()
        except ConnectionEndedError:
            return
        expect.status(reply, 400, 505)
        expect.that(connection.version in ("HTTP/1.1", "HTTP/1.0"), f"the reply says {connection.version}", reply)
        if reply.status != 505:
            expect.that(connection.ended(3), "expected 505, or the end of the connection", reply)


def _doubled(service: Service, method: str, path: str, headers: list[tuple[str, str]], body: bytes = b"") -> Reply:
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    return _answer(service, f"{method} {path} HTTP/1.1\r\nHost: x\r\n{lines}{length}\r\n".encode() + body)


@check(
    "PRO07",
    "Authorization, X-API-Key and Content-Type twice are 400, alike or not.",
    source="RFC 9110 §5.3; contract §11.25",
    needs=_RAW,
)
def check_doubled_headers(service: Service, people: People) -> None:
    account = people.new()
    good, key = f"Bearer {account.session.access}", people.key(account)["key"]
    fields: Mapping[str, list[tuple[str, str]]] = {
        "Authorization": [(good, good), (good, "Bearer nonsense"), ("Bearer nonsense", good), (good, "Basic eDp5")],
        "X-API-Key": [(key, key), (key, "nonsense"), ("nonsense", key)],
    }
    for name, pairs in fields.items():
        for pair in pairs:
            reply = _doubled(service, "GET", "/v1/me", [(name, value) for value in pair])
            expect.problem(reply, 400, "malformed-request")
    for pair in (
        ("application/json", "application/json"),
        ("application/json", "text/plain"),
        ("text/plain", "application/json"),
    ):
        reply = _doubled(service, "POST", "/v1/auth/login", [("Content-Type", value) for value in pair], _LOGIN)
        expect.problem(reply, 400, "malformed-request")


@check(
    "PRO08",
    "Idempotency-Key twice is 400, and nothing is ordered.",
    source="RFC 9110 §5.3; contract §11.25",
    needs=_RAW | {"admin"},
    part="sample",
)
def check_doubled_key(service: Service, people: People, shop: Shop) -> None:
    account, product = people.new(), shop.product(stock=10)
    body = json.dumps(shop.lines((product, 1))).encode()
    first = uuid.uuid4().hex
    for pair in ((first, first), (first, uuid.uuid4().hex), (f'"{first}"', first)):
        headers = [("Authorization", f"Bearer {account.session.access}"), ("Content-Type", "application/json")]
        headers += [("Idempotency-Key", value) for value in pair]
        expect.problem(_doubled(service, "POST", "/v1/orders", headers, body), 400, "malformed-request")
    expect.same("stock", shop.get(product["id"])["stock"], 10)
