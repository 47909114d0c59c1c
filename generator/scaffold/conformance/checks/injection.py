"""Injection: what callers send is data, wherever it stands."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from scaffold.conformance import expect
from scaffold.conformance.registry import check

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scaffold.conformance.accounts import People, Shop
    from scaffold.conformance.client import Api
    from scaffold.conformance.database import Database
    from scaffold.conformance.exchange import Reply

PAYLOADS = [
    "'", '"', "' OR '1'='1", "'; DROP TABLE users; --", "1; SELECT pg_sleep(3)", "' || pg_sleep(3) || '",
    "' AND SLEEP(3) -- ", "1 OR 1=1", "') OR ('a'='a", "\\'; --", "%' OR name LIKE '%", "{{7*7}}", "${jndi:ldap://127.0.0.1/x}",
    "#{7*7}", "<%= 7*7 %>", "$(sleep 3)", "`sleep 3`", "../../../../etc/passwd", "*)(uid=*))(|(uid=*", "[$ne]",
]  # fmt: skip


def _places(api: Api, account_api: Api, payload: str, *, sample: bool) -> Iterator[Reply]:
    """The payload in every place that a text can stand in."""
    text = quote(payload, safe="")
    yield api.post("/v1/auth/login", {"email": payload, "password": payload})
    yield api.post("/v1/auth/refresh", {"refresh_token": payload})
    yield account_api.get(f"/v1/api-keys/{text}")
    yield account_api.get(f"/v1/api-keys?cursor={text}&limit={text}")
    value = payload.strip()  # blanks around a header's value are no part of it
    yield account_api.get("/v1/me", headers={"X-Request-Id": value, "User-Agent": value})
    yield api.with_key(value).get("/v1/me")
    yield api.with_token(value).get("/v1/me")
    if sample:
        yield api.get(f"/v1/products?q={text}")
        yield api.get(f"/v1/products?sort={text}")
        yield api.get(f"/v1/products?min_price={text}")
        yield api.get(f"/v1/products/{text}")
        yield api.get("/v1/products", headers={"If-None-Match": value})
        yield account_api.get(f"/v1/orders?status={text}&sort={text}")
        order = {"lines": [{"product_id": payload, "quantity": 1}]}
        yield account_api.post("/v1/orders", order, headers={"Idempotency-Key": value})


@check(
    "INJ01", "No text in any place is run, waited for, or a fault of the service.", source="ASVS 1.2.4, 1.3.2; CWE-89"
)
@pytest.mark.parametrize("payload", PAYLOADS)
def check_places(api: Api, people: People, answers: dict[str, object], payload: str) -> None:
    """SQL, templates, commands, paths, look-ups."""
    account = people.anyone
    for reply in _places(api, account.api, payload, sample=bool(answers.get("sample"))):
        expect.that(reply.status < 500, f"status {reply.status}", reply)
        expect.that(reply.seconds < 2, f"it took {reply.seconds:.1f} s", reply)
        expect.that("root:" not in reply.text, "a file of the system was read", reply)


@check("INJ02", "Attempts at SQL change no rows.", source="ASVS 1.2.4; CWE-89", needs={"sql"})
def check_rows(api: Api, people: People, answers: dict[str, object], database: Database) -> None:
    """Accounts before and after."""
    account = people.anyone
    before = database.count("users")
    for payload in PAYLOADS:
        for _ in _places(api, account.api, payload, sample=bool(answers.get("sample"))):
            pass
    expect.same("accounts", database.count("users"), before)


@check("INJ03", "Only the documented columns sort.", source="ASVS 2.2.1; CWE-89", part="sample")
@pytest.mark.parametrize(
    "sort",
    [
        "password_hash",
        "user_id",
        "id",
        "stock",
        "name",
        "1",
        "created_at;--",
        "created_at,id",
        "created_at desc",
        "lower(name)",
    ],
)
def check_sort(api: Api, people: People, sort: str) -> None:
    """On both lists."""
    expect.faults(api.get("/v1/products", params={"sort": sort}), ("sort", "invalid_value"))
    expect.faults(people.anyone.api.get("/v1/orders", params={"sort": sort}), ("sort", "invalid_value"))


@check("INJ04", "Text comes back as it was stored: markup, templates, look-ups.", source="ASVS 1.3.7, 3.2.1; CWE-79")
@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", "{{7*7}}", "${7*7}", "#{7*7}", "%s%n%x", "&amp;", "\\u0041", "a'b\"c"]
)
def check_stored(people: People, text: str) -> None:
    """As a name, in JSON that no browser takes for a page."""
    account = people.new(display_name=text)
    reply = expect.status(account.api.get("/v1/me"), 200)
    expect.same("display_name", reply.json()["display_name"], text, reply)
    expect.header(reply, "x-content-type-options", "nosniff")
    expect.same("Content-Type", reply.media_type, "application/json", reply)


@check("INJ05", "A name in a body stays data: the next caller is not affected by it.", source="ASVS 15.3.6; CWE-1321")
def check_pollution(api: Api, people: People) -> None:
    """Prototypes of JavaScript, and what follows."""
    account = people.new()
    body = '{"display_name": "x", "__proto__": {"role": "admin", "is_active": false}, "constructor": {"prototype": {"x": 1}}}'
    reply = account.api.patch("/v1/me", content=body.encode(), media_type="application/json")
    expect.faults(reply, ("#/__proto__", "unknown_field"), ("#/constructor", "unknown_field"))
    expect.same("role", people.new().api.get("/v1/me").json()["role"], "user")
    expect.status(api.get("/livez"), 200)


@check("INJ06", "Host and forwarded headers appear in no reply.", source="ASVS 4.1.3; CWE-644")
def check_host(people: People) -> None:
    """A Location, a Link, a problem."""
    account = people.new()
    evil = "evil.suite.example"
    headers = {
        "Host": evil, "X-Forwarded-Host": evil, "X-Forwarded-Proto": "gopher", "X-Forwarded-Prefix": f"/{evil}",
        "Forwarded": f"host={evil}", "X-Original-URL": f"/{evil}", "X-Rewrite-URL": "/nothing",
    }  # fmt: skip
    spoofing = account.api.with_headers(**headers)
    created = [spoofing.post("/v1/api-keys", {"name": "n", "scopes": ["profile:read"]}) for _ in range(2)]
    replies = [*created, spoofing.get("/v1/api-keys?limit=1"), spoofing.get("/nothing"), spoofing.get("/v1/me")]
    for reply, status in zip(replies, (201, 201, 200, 404, 200), strict=True):
        expect.status(reply, status)
        everything = reply.text + json.dumps(dict(reply.headers))
        expect.that(evil not in everything and "gopher" not in everything, "a spoofed header comes back", reply)
    expect.that(created[0].headers["location"].startswith("/v1/api-keys/"), "Location is not path-absolute", created[0])
    link = replies[2].headers.get("link", "")
    expect.that(link.startswith("</v1/api-keys?"), f"Link is not path-absolute: {link!r}", replies[2])


@check("INJ07", "Wildcards in a search are literal.", source="ASVS 1.2.4; contract §10", part="sample", needs={"admin"})
def check_wildcards(api: Api, shop: Shop) -> None:
    """Percent, underscore, backslash, brackets."""
    mark = uuid.uuid4().hex[:8]
    names = [
        f"{mark} 100% tea",
        f"{mark} 100 tea",
        f"{mark} a_b",
        f"{mark} axb",
        f"{mark} c\\d",
        f"{mark} [e]",
        f"{mark} e",
    ]
    for name in names:
        shop.product(name=name)
    for text in ("%", "_", "100%", "a_b", "\\", "c\\d", "[e]", f"{mark} a_b"):
        reply = api.get("/v1/products", params={"q": text, "limit": "100"})
        got = {item["name"] for item in expect.status(reply, 200).json()["items"] if item["name"].startswith(mark)}
        expect.same(f"products for {text!r}", got, {name for name in names if text in name}, reply)
