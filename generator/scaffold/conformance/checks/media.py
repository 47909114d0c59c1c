"""Media types, sizes and slow clients."""

from __future__ import annotations

import contextlib
import gzip
import json
import time
from typing import TYPE_CHECKING

import pytest

from scaffold.conformance import expect
from scaffold.conformance.raw import ConnectionEndedError
from scaffold.conformance.registry import check

if TYPE_CHECKING:
    from scaffold.conformance.accounts import People, Shop
    from scaffold.conformance.client import Api
    from scaffold.conformance.exchange import Reply
    from scaffold.conformance.fixtures import Spawn
    from scaffold.conformance.raw import RawConnection
    from scaffold.conformance.service import Service

LIMIT = 1_048_576
LOGIN = json.dumps({"email": "nobody@people.suite.example", "password": "wrong"}).encode()


@check(
    "LIM01", "A body of another media type is 415, and Accept names what is taken.", source="RFC 9110 §15.5.16, §12.5.1"
)
@pytest.mark.parametrize(
    "media_type",
    [
        None, "text/plain", "text/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
        "application/xml", "application/jsonp", "application/problem+json", "application/merge-patch+json", "nonsense",
        "application/json; charset=utf-16", "application/x-yaml",
    ],
)  # fmt: skip
def check_media_type(api: Api, media_type: str | None) -> None:
    """A login that would be right otherwise."""
    reply = api.post("/v1/auth/login", content=LOGIN, media_type=media_type)
    expect.problem(reply, 415)
    expect.that("application/json" in expect.items(reply.headers.get("accept", "")), "Accept does not name JSON", reply)


@check("LIM02", "Case and charset=utf-8 of application/json do not matter.", source="RFC 9110 §8.3.1")
@pytest.mark.parametrize(
    "media_type",
    ["application/json", "APPLICATION/JSON", "application/json; charset=UTF-8", 'application/json;charset="utf-8"'],
)
def check_media_type_spelling(api: Api, media_type: str) -> None:
    """A login that is wrong only in its password."""
    reply = api.post("/v1/auth/login", content=LOGIN, media_type=media_type)
    expect.problem(reply, 401, "invalid-credentials")


@check(
    "LIM03",
    "An encoded body is 415 with Accept-Encoding: identity, and is never unpacked.",
    source="RFC 9110 §15.5.16; API4:2023",
)
@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "gzip, identity", "x-unknown"])
def check_content_coding(api: Api, coding: str) -> None:
    """100 MB of zeros in 100 kB."""
    body = _BOMB if "gzip" in coding else LOGIN
    reply = api.post(
        "/v1/auth/login", content=body, media_type="application/json", headers={"Content-Encoding": coding}
    )
    expect.problem(reply, 415)
    expect.header(reply, "accept-encoding", "identity")
    expect.that(reply.seconds < 2, f"it took {reply.seconds:.1f} s", reply)


_BOMB = gzip.compress(b"0" * 100_000_000, compresslevel=9)


@check("LIM10", "Content-Encoding: identity is no encoding.", source="RFC 9110 §8.4.1")
def check_identity(api: Api) -> None:
    """As if it were not there."""
    reply = api.post(
        "/v1/auth/login", content=LOGIN, media_type="application/json", headers={"Content-Encoding": "identity"}
    )
    expect.problem(reply, 401, "invalid-credentials")


def _head(length: int | None, path: str = "/v1/auth/login") -> bytes:
    size = f"Content-Length: {length}" if length is not None else "Transfer-Encoding: chunked"
    return f"POST {path} HTTP/1.1\r\nHost: suite\r\nContent-Type: application/json\r\n{size}\r\n\r\n".encode()


@check(
    "LIM04",
    "An announced body that is too large is 413 before it is sent.",
    source="RFC 9110 §15.5.14; API4:2023",
    needs={"raw"},
)
def check_announced_size(service: Service) -> None:
    """Only the head is sent."""
    for length in (LIMIT + 1, 50_000_000, 10**15):
        with service.raw() as connection:
            started = time.monotonic()
            connection.send(_head(length))
            expect.problem(connection.reply(), 413)
            expect.that(time.monotonic() - started < 2, "the service waited for the body")
    expect.status(service.api().get("/livez"), 200)


@check(
    "LIM05",
    "A body of unannounced size is read up to the limit and no further.",
    source="RFC 9110 §15.5.14; API4:2023",
    needs={"raw"},
)
def check_chunked_size(service: Service) -> None:
    """Chunks without end: 413 or a closed connection; then the next request works."""
    chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
    with service.raw() as connection:
        sent = 0
        with contextlib.suppress(ConnectionError, TimeoutError):
            connection.send(_head(None))
            while sent < 400:
                connection.send(chunk)
                sent += 1
        with contextlib.suppress(ConnectionEndedError, ConnectionError):
            expect.problem(connection.reply(), 413)
    expect.that(sent < 400, "25 MB were read of a body whose limit is 1 MiB")
    expect.status(service.api().get("/livez"), 200)


@check("LIM11", "A chunked body within the limit is read.", source="RFC 9112 §7.1", needs={"raw", "unlimited"})
def check_chunked(service: Service) -> None:
    """In chunks of odd sizes; and the connection is good for another request."""
    with service.raw() as connection:
        pieces = (LOGIN[:1], LOGIN[1:20], LOGIN[20:])
        chunks = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
        connection.send(_head(None) + chunks)
        expect.problem(connection.reply(), 401, "invalid-credentials")
        connection.request("GET", "/livez")
        expect.status(connection.reply(), 200)


_NOTHING: tuple[tuple[str | None, bytes], ...] = tuple(
    (media_type, framing)
    for media_type in (None, "application/json", "text/plain", "application/x-www-form-urlencoded")
    for framing in (b"", b"Content-Length: 0\r\n", b"Transfer-Encoding: chunked\r\n")
)
"""An empty body: its media type, and how it is told that it is empty."""


def _empty(service: Service, path: str, access: str, media_type: str | None, framing: bytes) -> Reply:
    """The reply to an empty body, which no client library would send with each type and framing."""
    head = f"POST {path} HTTP/1.1\r\nHost: suite\r\nAuthorization: Bearer {access}\r\n".encode()
    head += f"Content-Type: {media_type}\r\n".encode() if media_type else b""
    end = b"0\r\n\r\n" if b"chunked" in framing else b""
    with service.raw() as connection:
        connection.send(head + framing + b"\r\n" + end)
        return connection.reply()


@check(
    "LIM07",
    "Logout takes an empty body, whatever its media type.",
    source="contract §11.1",
    needs={"raw"},
)
def check_empty_body(service: Service, people: People) -> None:
    """And an empty object; but what is not empty has to be JSON."""
    account = people.new()
    for media_type, framing in _NOTHING:
        session = people.login(account.email, account.password)
        reply = _empty(service, "/v1/auth/logout", session.access, media_type, framing)
        expect.status(reply, 204)
    session = people.login(account.email, account.password)
    expect.problem(session.api.post("/v1/auth/logout", content=b"all=true", media_type="text/plain"), 415)
    expect.status(session.api.post("/v1/auth/logout", {}), 204)


@check(
    "LIM12",
    "Cancelling an order takes an empty body, whatever its media type, and nothing in an object.",
    source="contract §11.1",
    part="sample",
    needs={"raw", "admin"},
)
def check_empty_cancel(service: Service, people: People, shop: Shop) -> None:
    """An unknown field, another type, then nothing."""
    buyer = people.new()
    product = shop.product(stock=len(_NOTHING) + 1)
    path = f"/v1/orders/{shop.order(buyer, (product, 1))['id']}/cancel"
    expect.faults(buyer.api.post(path, {"reason": "x"}), ("#/reason", "unknown_field"))
    expect.problem(buyer.api.post(path, content=b"reason=x", media_type="text/plain"), 415)
    expect.status(buyer.api.post(path), 200)
    for media_type, framing in _NOTHING:
        path = f"/v1/orders/{shop.order(buyer, (product, 1))['id']}/cancel"
        expect.status(_empty(service, path, buyer.session.access, media_type, framing), 200)


@check("LIM09", "A large upload without credentials is refused without reading it.", source="API4:2023", needs={"raw"})
def check_anonymous_upload(service: Service) -> None:
    """50 MB announced to a protected operation."""
    with service.raw() as connection:
        started = time.monotonic()
        connection.send(_head(50_000_000, "/v1/api-keys"))
        expect.status(connection.reply(), 401, 413)
        expect.that(time.monotonic() - started < 2, "the service waited for the body")


@check(
    "LIM13",
    "A client that expects 100 Continue gets it, or the final status.",
    source="RFC 9110 §10.1.1",
    needs={"raw", "unlimited"},
)
def check_expect(service: Service) -> None:
    """The body is sent only then."""
    head = _head(len(LOGIN)).replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n")
    with service.raw() as connection:
        connection.send(head)
        reply = expect.status(connection.reply(), 100, 401, 417)
        if reply.status == 100:
            connection.send(LOGIN)
            expect.problem(connection.reply(), 401, "invalid-credentials")


DEADLINE = 1.0
#: The deadline, and what a service takes to notice.
PATIENCE = DEADLINE + 3.0


@pytest.fixture(scope="module")
def hurried(spawn_shared: Spawn) -> Service:
    """A service that gives a request one second to come."""
    return spawn_shared(REQUEST_TIMEOUT_MS=str(int(DEADLINE * 1000)))


def _ends(connection: RawConnection, piece: bytes, started: float) -> float:
    """Trickle a byte every 50 ms; seconds from the start until the service ends the connection."""
    while (elapsed := time.monotonic() - started) < PATIENCE + 1:
        try:
            connection.send(piece)
        except OSError:
            return elapsed
        if connection.ended(0.05):
            return time.monotonic() - started
    return elapsed


@check(
    "LIM14",
    "Header and body have to come whole within REQUEST_TIMEOUT_MS; a trickle does not help.",
    source="contract §6; ASVS 13.2.6",
    needs={"raw", "settings"},
)
@pytest.mark.parametrize("stage", ["request line", "header", "body", "chunks"])
def check_trickle(hurried: Service, stage: str) -> None:
    """The connection is ended, while others are served."""
    starts = {
        "request line": b"GET /",
        "header": b"GET /livez HTTP/1.1\r\nHost: suite\r\nX-Slow: ",
        "body": _head(100_000),
        "chunks": _head(None),
    }
    pieces = {"chunks": b"1\r\n \r\n"}
    with hurried.raw() as connection:
        started = time.monotonic()
        connection.send(starts[stage])
        api = hurried.api()
        expect.status(api.get("/livez"), 200)
        elapsed = _ends(connection, pieces.get(stage, b" " if stage == "body" else b"a"), started)
        expect.that(elapsed < PATIENCE, f"the connection was still open after {elapsed:.1f} s")
        expect.that(elapsed > DEADLINE / 2, f"the connection was ended after {elapsed:.1f} s already")
        expect.status(api.get("/livez"), 200)


@check(
    "LIM15",
    "Slow clients do not keep others from being served.",
    source="contract §6; API4:2023",
    needs={"raw", "settings"},
)
def check_many_slow(hurried: Service) -> None:
    """Forty connections that send half a request."""
    with contextlib.ExitStack() as stack:
        for number in range(40):
            connection = stack.enter_context(hurried.raw())
            connection.send(_head(1000) + b"{" if number % 2 else b"GET /livez HTTP/1.1\r\nHost:")
        for _ in range(5):
            reply = expect.status(hurried.api().get("/livez"), 200)
            expect.that(reply.seconds < 1.5, f"/livez took {reply.seconds:.1f} s", reply)
        time.sleep(DEADLINE)
        expect.status(hurried.api().post("/v1/auth/login", content=LOGIN, media_type="application/json"), 401)
