"""CORS and security headers."""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING

import pytest

from scaffold.conformance import contract, expect
from scaffold.conformance.registry import check
from scaffold.conformance.service import ORIGIN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scaffold.conformance.accounts import People, Shop
    from scaffold.conformance.client import Api
    from scaffold.conformance.exchange import Reply
    from scaffold.conformance.fixtures import Spawn

CSP = "default-src 'none'; base-uri 'none'; frame-ancestors 'none'"
DOCS_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
FOREIGN = "https://foreign.suite.example"


def _replies(api: Api, people: People) -> Iterator[Reply]:
    """One of each kind of status."""
    account = people.new()
    yield expect.status(api.get("/livez"), 200)
    yield expect.status(api.get("/.well-known/jwks.json"), 200)
    yield expect.status(account.api.get("/v1/me"), 200)
    yield expect.status(account.api.post("/v1/api-keys", {"name": "n", "scopes": ["profile:read"]}), 201)
    yield expect.status(people.login(account.email, account.password).api.post("/v1/auth/logout"), 204)
    yield expect.status(api.post("/v1/auth/login", content=b"{", media_type="application/json"), 400)
    yield expect.status(api.get("/v1/me"), 401)
    yield expect.status(api.with_key(people.key(account)["key"]).get("/v1/api-keys"), 403)
    yield expect.status(api.get("/nothing"), 404)
    yield expect.status(api.request("PUT", "/v1/me"), 405)
    yield expect.status(people.register(email=account.email), 409)
    yield expect.status(api.post("/v1/auth/login", content=b"x", media_type="text/plain"), 415)
    yield expect.status(api.post("/v1/auth/login", {}), 422)


@check(
    "COR04",
    "Every reply, whatever its status, has the three security headers.",
    source="ASVS 3.4.3-3.4.6; OWASP REST Security",
)
def check_security_headers(api: Api, people: People) -> None:
    """From 200 to 422."""
    for reply in _replies(api, people):
        expect.header(reply, "x-content-type-options", "nosniff")
        expect.header(reply, "content-security-policy", CSP)
        expect.header(reply, "referrer-policy", "no-referrer")


@check("COR06", "No header tells what the service is made of.", source="ASVS 13.4.6")
def check_no_banner(api: Api, people: People) -> None:
    """No X-Powered-By, no version in Server, no cookies."""
    for reply in _replies(api, people):
        for name in ("x-powered-by", "x-aspnet-version", "x-runtime", "via", "set-cookie"):
            expect.header(reply, name, None)
        server = reply.headers.get("server", "")
        expect.that(not re.search(r"\d", server), f"Server says {server!r}", reply)


@check(
    "COR01",
    "A preflight of an allowed origin is 204 and allows the contract's methods and headers, and not any.",
    source="Fetch §3.3; ASVS 3.4.2",
    needs={"settings"},
)
@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE"])
def check_preflight(api: Api, method: str) -> None:
    """No credentials, cached for ten minutes."""
    cors = contract.cors()
    for path in ("/v1/me", "/v1/auth/login", f"/v1/api-keys/{uuid.uuid4()}"):
        reply = api.request(
            "OPTIONS", path, headers=_preflight(ORIGIN, method, ", ".join(sorted(cors.allowed_headers)))
        )
        expect.status(reply, 204)
        expect.that(not reply.body, "a preflight has a body", reply)
        expect.header(reply, "access-control-allow-origin", ORIGIN)
        expect.header(reply, "access-control-allow-credentials", None)
        expect.header(reply, "access-control-max-age", str(cors.max_age))
        for name, wanted in (("methods", cors.methods), ("headers", cors.allowed_headers)):
            allowed = expect.items(reply.headers.get(f"access-control-allow-{name}", ""))
            expect.same(f"{name} that are not allowed", sorted(wanted - allowed), [], reply)
            expect.that("*" not in allowed, f"any of the {name} are allowed", reply)
        expect.that("origin" in expect.items(reply.headers.get("vary", "")), "Vary does not name Origin", reply)


def _preflight(origin: str, method: str, headers: str) -> dict[str, str]:
    return {"Origin": origin, "Access-Control-Request-Method": method, "Access-Control-Request-Headers": headers}


@check(
    "COR02",
    "A page of an allowed origin may read every reply, errors too, and the headers of the API.",
    source="Fetch §3.3; ASVS 3.4.2",
    needs={"settings"},
)
def check_allowed_origin(api: Api, people: People) -> None:
    """Never with credentials; Vary names Origin."""
    wanted = contract.cors().exposed_headers
    for origin in (ORIGIN, "https://other.suite.example"):
        for path, status in (("/v1/me", 401), ("/nothing", 404), ("/livez", 200)):
            reply = expect.status(api.get(path, headers={"Origin": origin}), status)
            expect.header(reply, "access-control-allow-origin", origin)
            expect.header(reply, "access-control-allow-credentials", None)
            exposed = expect.items(reply.headers.get("access-control-expose-headers", ""))
            expect.same("headers that are not exposed", sorted(wanted - exposed), [], reply)
            expect.that("*" not in exposed, "every header is exposed", reply)
            expect.that("origin" in expect.items(reply.headers.get("vary", "")), "Vary does not name Origin", reply)
    mine = people.new().api.get("/v1/me", headers={"Origin": ORIGIN})
    expect.header(expect.status(mine, 200), "access-control-allow-origin", ORIGIN)


@check(
    "COR03",
    "A foreign origin gets the ordinary reply, without any CORS header.",
    source="Fetch §3.2.3; contract §3",
    needs={"settings"},
)
@pytest.mark.parametrize(
    "origin",
    [
        FOREIGN,
        "null",
        ORIGIN + ".evil.example",
        ORIGIN.replace("https", "http"),
        ORIGIN + ":8443",
        ORIGIN.upper(),
        "https://app.suite.example/",
        "*",
        ORIGIN[:-1],
    ],
)
def check_foreign_origin(people: People, origin: str) -> None:
    """Matched exactly: scheme, host, port, case."""
    account = people.new()
    plain = account.api.get("/v1/me")
    reply = account.api.get("/v1/me", headers={"Origin": origin})
    expect.same("status", reply.status, plain.status, reply)
    expect.same("body", reply.json(), plain.json(), reply)
    for answer in (
        reply,
        account.api.request("OPTIONS", "/v1/me", headers=_preflight(origin, "PATCH", "authorization")),
    ):
        leaked = [name for name in answer.headers if name.startswith("access-control-")]
        expect.same("CORS headers", leaked, [], answer)
        expect.that("origin" in expect.items(answer.headers.get("vary", "")), "Vary does not name Origin", answer)


@check("COR07", "Without allowed origins there is no CORS.", source="Fetch §3.2.3", needs={"settings"})
def check_no_origins(plain: Api) -> None:
    """Not even in development's usual way."""
    for reply in (
        plain.get("/livez", headers={"Origin": ORIGIN}),
        plain.request("OPTIONS", "/v1/me", headers=_preflight(ORIGIN, "GET", "authorization")),
    ):
        expect.same("CORS headers", [name for name in reply.headers if name.startswith("access-control-")], [], reply)


@pytest.fixture(scope="module")
def plain(spawn_shared: Spawn) -> Api:
    """A service without allowed origins, with the suite as a trusted proxy, without documentation."""
    service = spawn_shared(CORS_ALLOWED_ORIGINS=None, TRUSTED_PROXIES="127.0.0.1,::1", DOCS_ENABLED="false")
    return service.api()


@check(
    "COR05",
    "HSTS is sent where a trusted proxy says https, and nowhere else.",
    source="RFC 6797 §7.2; ASVS 3.4.1",
    needs={"settings"},
)
def check_hsts(plain: Api, api: Api, spawn: Spawn) -> None:
    """A year, with subdomains."""
    elsewhere = spawn(TRUSTED_PROXIES="192.0.2.1").api()
    wanted = "max-age=31536000; includeSubDomains"
    for path in ("/livez", "/nothing"):
        expect.header(plain.get(path, headers={"X-Forwarded-Proto": "https"}), "strict-transport-security", wanted)
        for headers in ({}, {"X-Forwarded-Proto": "http"}):
            expect.header(plain.get(path, headers=headers), "strict-transport-security", None)
        # The shared service trusts nobody, the other one somebody else.
        for caller in (api, elsewhere):
            reply = caller.get(path, headers={"X-Forwarded-Proto": "https"})
            expect.header(reply, "strict-transport-security", None)


@check(
    "COR08",
    "The page of the documentation loads nothing from elsewhere, under a policy of its own.",
    source="ASVS 3.4.3; contract §11.16",
    needs={"settings"},
)
def check_docs(api: Api) -> None:
    """What it loads exists here."""
    reply = expect.status(api.get("/docs"), 200)
    expect.same("Content-Type", reply.media_type, "text/html", reply)
    expect.header(reply, "content-security-policy", DOCS_CSP)
    expect.header(reply, "x-content-type-options", "nosniff")
    loads = re.findall(r"""(?:src|href)\s*=\s*["']?([^"'\s>]+)""", reply.text)
    expect.that(loads, "the page loads nothing", reply)
    for target in loads:
        if target.startswith(("data:", "#")):
            continue
        expect.that(not re.match(r"(?:[a-z]+:)?//", target), f"the page loads {target}", reply)
        path = target if target.startswith("/") else f"/{target}"
        loaded = expect.status(api.get(path), 200)
        expect.that(loaded.body, f"{path} is empty", loaded)
    expect.that(
        not re.search(r"<script(?![^>]*\bsrc=)[^>]*>", reply.text), "an inline script, which the policy forbids", reply
    )


@check("COR09", "DOCS_ENABLED=false takes the page and the document away.", source="ASVS 13.4.5", needs={"settings"})
def check_docs_disabled(plain: Api) -> None:
    """As if they had never been."""
    for path in ("/docs", "/openapi.json"):
        expect.problem(plain.get(path), 404)


@check(
    "COR10",
    "The catalogue's replies have the same headers as all others, 304 and refusals among them.",
    source="ASVS 3.4.3-3.4.6; Fetch §3.2.3; RFC 9110 §15.4.5",
    part="sample",
    needs={"admin", "settings"},
)
def check_catalogue_headers(api: Api, people: People, shop: Shop) -> None:
    """Fresh, from the cache, not modified, and what an administrator is refused; for pages of all origins."""
    product = shop.product()
    path, tag = f"/v1/products/{product['id']}", f'"{product["version"]}"'
    for origin in (None, ORIGIN, FOREIGN):
        sent = {"Origin": origin} if origin else {}
        listed = expect.status(api.get("/v1/products", headers=sent), 200)
        same = {"If-None-Match": listed.headers["etag"]} | sent
        for reply in (
            listed,
            expect.status(api.get("/v1/products", headers=same), 304),
            expect.status(api.get(path, headers=sent), 200),
            expect.status(api.get(path, headers={"If-None-Match": tag} | sent), 304),
            expect.status(api.request("HEAD", path, headers={"If-None-Match": tag} | sent), 304),
            expect.status(people.admin.api.patch(path, {"stock": 1}, headers={"If-Match": '"0"'} | sent), 412),
            expect.status(
                people.admin.api.post("/v1/products", shop.product_body(sku=product["sku"]), headers=sent), 409
            ),
        ):
            expect.header(reply, "x-content-type-options", "nosniff")
            expect.header(reply, "content-security-policy", CSP)
            expect.header(reply, "referrer-policy", "no-referrer")
            expect.that(expect.UUID.fullmatch(reply.request_id), "expected X-Request-Id", reply)
            expect.that("origin" in expect.items(reply.headers.get("vary", "")), "Vary does not name Origin", reply)
            expect.header(reply, "access-control-allow-origin", ORIGIN if origin == ORIGIN else None)
