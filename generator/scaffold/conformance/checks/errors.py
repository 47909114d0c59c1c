"""Errors: every one is a problem of RFC 9457, from the catalogue, and tells nothing that it should not."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest

from scaffold.conformance import contract, expect
from scaffold.conformance.disclosure import makers, stack_marks
from scaffold.conformance.raw import ConnectionEndedError
from scaffold.conformance.registry import check

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from scaffold.conformance.accounts import People, Shop
    from scaffold.conformance.client import Api
    from scaffold.conformance.exchange import Reply
    from scaffold.conformance.logbook import Logbook
    from scaffold.conformance.service import Service


def _provoke(people: People) -> Iterator[tuple[str | None, int, Reply]]:
    """Replies that must be the problem named (None: about:blank)."""
    account = people.new()
    anonymous = people.target.api()
    yield "malformed-request", 400, anonymous.post("/v1/auth/login", content=b"{", media_type="application/json")
    yield "invalid-token", 401, anonymous.with_token("nonsense").get("/v1/me")
    wrong = {"email": account.email, "password": "wrong"}
    yield "invalid-credentials", 401, anonymous.post("/v1/auth/login", wrong)
    yield "invalid-refresh-token", 401, people.refresh("nonsense")
    key = people.key(account, "profile:read")
    yield "insufficient-scope", 403, anonymous.with_key(key["key"]).get("/v1/api-keys")
    yield "email-taken", 409, people.register(email=account.email)
    yield "validation-failed", 422, anonymous.post("/v1/auth/login", {})
    yield None, 401, anonymous.get("/v1/me")
    yield None, 404, anonymous.get("/nothing")
    yield None, 405, anonymous.request("PUT", "/v1/me")
    large = b'{"email": "' + b"a" * 1_100_000 + b'"}'
    yield None, 413, anonymous.post("/v1/auth/login", content=large, media_type="application/json")
    yield None, 415, anonymous.post("/v1/auth/login", content=b"a=b", media_type="text/plain")


def _provoke_sample(people: People, shop: Shop) -> Iterator[tuple[str | None, int, Reply]]:
    admin, buyer = people.admin.api, people.new()
    product = shop.product(stock=1)
    path = f"/v1/products/{product['id']}"
    yield "sku-taken", 409, admin.post("/v1/products", shop.product_body(sku=product["sku"]))
    yield "insufficient-stock", 409, buyer.api.post("/v1/orders", shop.lines((product, 2)))
    key = {"Idempotency-Key": uuid.uuid4().hex}
    order = expect.status(buyer.api.post("/v1/orders", shop.lines((product, 1)), headers=key), 201)
    other = shop.lines((shop.product(), 1))
    yield "idempotency-key-reused", 422, buyer.api.post("/v1/orders", other, headers=key)
    yield "product-in-use", 409, admin.delete(path)
    yield "precondition-failed", 412, admin.patch(path, {"stock": 5}, headers={"If-Match": '"0"'})
    cancel = f"/v1/orders/{order.json()['id']}/cancel"
    expect.status(buyer.api.post(cancel), 200)
    yield "invalid-state", 409, buyer.api.post(cancel)


#: Problems that need means of their own, and the check that provokes them.
ELSEWHERE = {"rate-limited": "limits", "idempotency-in-progress": "idempotency"}
#: Problems of every project that only a resource can provoke, as the sample's do.
OF_RESOURCES = frozenset({"precondition-failed", "idempotency-key-reused"})
#: Problems for resources of the owner's: the sample's resources have more telling ones.
OF_OWNERS = frozenset({"already-exists", "in-use"})


@check("ERR01", "Every problem of the catalogue has its status, type and title.", source="RFC 9457 §3; contract §1")
def check_catalogue(people: People) -> None:
    """Those of accounts, and about:blank."""
    provoked = set()
    for slug, status, reply in _provoke(people):
        expect.problem(reply, status, slug)
        provoked.add(slug)
    wanted = contract.slugs({"sample": False, "redis": False}).keys() - ELSEWHERE.keys() - OF_RESOURCES - OF_OWNERS
    assert provoked >= wanted, f"the suite provokes no {wanted - provoked}"


@check(
    "ERR11",
    "Every problem of the sample's has its status, type and title.",
    source="RFC 9457 §3; contract §1",
    part="sample",
    needs={"admin"},
)
def check_sample_catalogue(people: People, shop: Shop) -> None:
    """Those of products and orders."""
    provoked = set()
    for slug, status, reply in _provoke_sample(people, shop):
        expect.problem(reply, status, slug)
        provoked.add(slug)
    common = contract.slugs({"sample": False, "redis": False}).keys() - OF_RESOURCES
    wanted = contract.slugs({"sample": True, "redis": False}).keys() - common - ELSEWHERE.keys()
    assert provoked >= wanted, f"the suite provokes no {wanted - provoked}"


@check(
    "ERR02",
    "`instance` is urn:uuid: and X-Request-Id; errors are no-store; `detail` is a sentence.",
    source="RFC 9457 §3.1; RFC 9111 §5.2.2.5",
)
def check_members(people: People) -> None:
    """Every problem that needs no more than HTTP."""
    for _, _, reply in _provoke(people):
        body = reply.json()
        expect.same("instance", body.get("instance"), f"urn:uuid:{reply.request_id}", reply)
        expect.that(isinstance(body.get("detail"), str) and body["detail"].strip(), "detail is empty", reply)
        expect.header(reply, "cache-control", "no-store")


@check("ERR12", "The trace id of a problem is in the log of that request.", source="RFC 9457 §3.1", needs={"logs"})
def check_trace_id(people: People, logs: Logbook) -> None:
    """Of every problem."""
    for _, _, reply in _provoke(people):
        line = logs.access(reply.request_id)
        expect.same("trace_id in the log", line.get("trace_id"), reply.json()["trace_id"], reply)


@check(
    "ERR04",
    "Every 401 has a challenge; it names an error only where a token or key was refused.",
    source="RFC 9110 §15.5.2; RFC 6750 §3.1",
)
def check_challenges(people: People, api: Api) -> None:
    """No credential, a bad one, and a failed login."""
    account = people.new()
    for reply in (api.get("/v1/me"), api.post("/v1/api-keys", {}), api.delete(f"/v1/api-keys/{uuid.uuid4()}")):
        expect.problem(reply, 401)
        expect.challenge(reply)
    for caller in (api.with_token("nonsense"), api.with_key("nonsense")):
        reply = caller.get("/v1/me")
        expect.problem(reply, 401, "invalid-token")
        expect.challenge(reply, "invalid_token")
    for reply in (
        api.post("/v1/auth/login", {"email": account.email, "password": "wrong"}),
        people.refresh("nonsense"),
    ):
        expect.status(reply, 401)
        expect.challenge(reply)


@check("ERR05", "A 403 says insufficient_scope in its challenge.", source="RFC 6750 §3.1")
def check_forbidden(people: People, api: Api) -> None:
    """A key where only a token will do, and a key without the scope."""
    reply = api.with_key(people.key(people.new())["key"]).get("/v1/api-keys")
    expect.problem(reply, 403, "insufficient-scope")
    expect.challenge(reply, "insufficient_scope")


#: What the HTTP server refuses before a handler can run (contract §1, last sentence): the bytes, and by which statuses.
UNREADABLE: dict[str, tuple[bytes, set[int]]] = {
    "no request line": (b"\r\n\r\n\r\n", {400}),
    "half a request line": (b"GET\r\n\r\n", {400}),
    "no version": (b"GET /livez\r\nHost: x\r\n\r\n", {400, 505}),
    "unknown version": (b"GET /livez HTTP/9.9\r\nHost: x\r\n\r\n", {400, 505}),
    "binary": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", {400}),
    "header without colon": (b"GET /v1/me HTTP/1.1\r\nHost: x\r\nnonsense\r\n\r\n", {400}),
    "header with a bad name": (b"GET /v1/me HTTP/1.1\r\nHost: x\r\nX Y: z\r\n\r\n", {400}),
    "undecodable path": (b"GET /v1/%ff%fe HTTP/1.1\r\nHost: x\r\n\r\n", {400, 404}),
    "unreadable absolute target": (b"GET http://[::1 HTTP/1.1\r\nHost: x\r\n\r\n", {400, 404}),
    "target that opens a bracket": (b"GET //[::1 HTTP/1.1\r\nHost: x\r\n\r\n", {400, 404}),
    "bad escape in the path": (b"GET /v1/%zz HTTP/1.1\r\nHost: x\r\n\r\n", {400, 404}),
    "two lengths": (
        b"POST /v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        {400},
    ),
    "length and chunks": (
        (
            b"POST /v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 4\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
        ),
        {400, 422},
    ),
    "negative length": (b"POST /v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", {400}),
    "length that is no number": (b"POST /v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n", {400}),
    "bad chunk": (
        (
            b"POST /v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n"
        ),
        {400},
    ),
    "large header": (b"GET /v1/me HTTP/1.1\r\nHost: x\r\nX-Large: " + b"a" * 100_000 + b"\r\n\r\n", {400, 431}),
    "many headers": (
        b"GET /v1/me HTTP/1.1\r\nHost: x\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(5000)) + b"\r\n",
        {400, 431},
    ),
    "long path": (b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", {400, 414, 431}),
}


@check(
    "ERR06",
    "What cannot be read as HTTP is refused without a page of a framework, and the next request works.",
    source="RFC 9112 §3, §6.3; RFC 6585 §5; ASVS 13.4.6",
    needs={"raw"},
)
@pytest.mark.parametrize("name", UNREADABLE)
def check_unreadable(service: Service, name: str) -> None:
    """By its status, or by closing the connection; where a body's end is unknown by both."""
    data, statuses = UNREADABLE[name]
    with service.raw(timeout=20) as connection:
        try:
            connection.send(data)
            reply = connection.reply()
        except (ConnectionEndedError, ConnectionError):
            pass
        else:
            expect.status(reply, *statuses)
            expect.that("<html" not in reply.text.lower(), "the body is a page", reply)
            expect.same("makers and stacks in the body", makers(reply.text) + stack_marks(reply.text), [], reply)
            expect.that(not any(c.isdigit() for c in reply.headers.get("server", "")), "Server has a version", reply)
            if b"Content-Length" in data or b"chunked" in data:
                # What follows could be read as another request (RFC 9112 §6.3).
                expect.that(connection.ended(3), "expected the connection to be closed", reply)
    expect.status(service.api().get("/livez"), 200)


PAGES: dict[str, Callable[[Api], Reply]] = {
    "bad Host": lambda api: api.get("/nothing", headers={"Host": "exa mple"}),
    "path with a NUL": lambda api: api.get("/v1/%00"),
    "long query": lambda api: api.get("/v1/me?" + "a" * 7000),
    "odd escape in the query": lambda api: api.get("/v1/me?limit=%"),
}


@check("ERR08", "No request draws a page of a framework, or a 500.", source="ASVS 16.5.1")
@pytest.mark.parametrize("name", PAGES)
def check_no_pages(api: Api, name: str) -> None:
    """Odd requests that a client library does send."""
    reply = PAGES[name](api)
    expect.that(reply.status < 500, f"status {reply.status}", reply)
    expect.that("html" not in reply.headers.get("content-type", ""), "the reply is a page", reply)
