"""Validation and JSON: what is parsed, what is refused, and how exactly a fault is named."""

from __future__ import annotations

import json
import re
import secrets
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

import pytest

from scaffold.conformance import expect
from scaffold.conformance.registry import check

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scaffold.conformance.accounts import Account, People, Shop
    from scaffold.conformance.client import Api
    from scaffold.conformance.exchange import Reply

MAXIMUM = 99_999_999_999

REGISTER: Mapping[str, object] = {
    "email": "valid.{n}@people.suite.example",
    "password": "a-valid-passphrase-{n}",
    "display_name": "Ada",
}
#: Field, value, code: a body that is right but for this field draws exactly this fault.
REGISTER_FAULTS: list[tuple[str, object, str]] = [
    ("email", None, "wrong_type"),
    ("email", 1, "wrong_type"),
    ("email", ["a@example.com"], "wrong_type"),
    ("email", "", "too_short"),
    ("email", "a@" + "b" * 60 + "." + "c" * 60 + "." + "d" * 60 + "." + "e" * 60 + "." + "f" * 60, "too_long"),
    ("email", "nobody", "invalid_format"),
    ("email", "a b@example.com", "invalid_format"),
    ("email", " a@example.com", "invalid_format"),
    ("email", "a@example.com\r\nBcc: b@example.com", "invalid_format"),
    ("email", "a@b@example.com", "invalid_format"),
    ("email", "a@-example.com", "invalid_format"),
    ("email", "a@example..com", "invalid_format"),
    ("email", "ä@example.com", "invalid_format"),
    ("password", None, "wrong_type"),
    ("password", 123456789012, "wrong_type"),
    ("password", "", "too_short"),
    ("password", "a1b2c3d4e5f", "too_short"),
    ("password", "x" * 129, "too_long"),
    ("password", "nul\x00in-a-passphrase", "invalid_format"),
    ("display_name", None, "wrong_type"),
    ("display_name", True, "wrong_type"),
    ("display_name", 1.5, "wrong_type"),
    ("display_name", {}, "wrong_type"),
    ("display_name", "", "too_short"),
    ("display_name", "n" * 101, "too_long"),
    ("display_name", "a\x00b", "invalid_format"),
    ("display_name", "a\nb", "invalid_format"),
    ("display_name", "a\x7fb", "invalid_format"),
]


def _registration() -> dict[str, object]:
    n = secrets.token_hex(8)
    return {name: str(value).format(n=n) for name, value in REGISTER.items()}


@check(
    "VAL01",
    "A registration that is wrong in one field draws exactly that fault.",
    source="RFC 9457 §3; ASVS 2.2.1; contract §10",
)
@pytest.mark.parametrize(("field", "value", "code"), REGISTER_FAULTS)
def check_registration(api: Api, field: str, value: object, code: str) -> None:
    """Each rule of each field."""
    expect.faults(api.post("/v1/auth/register", _registration() | {field: value}), (f"#/{field}", code))


@check("VAL02", "A field that is missing is `required`, for every operation.", source="ASVS 2.2.1; contract §10")
@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/v1/auth/register", ["display_name", "email", "password"]),
        ("/v1/auth/login", ["email", "password"]),
        ("/v1/auth/refresh", ["refresh_token"]),
        ("/v1/me/password", ["current_password", "new_password"]),
        ("/v1/api-keys", ["name", "scopes"]),
    ],
)
def check_required(people: People, path: str, fields: list[str]) -> None:
    """All of them at once in an empty object."""
    reply = people.anyone.api.post(path, {})
    expect.faults(reply, *((f"#/{field}", "required") for field in fields))


LOGIN_FAULTS: list[tuple[dict[str, object], tuple[str, str]]] = [
    ({"email": ""}, ("#/email", "too_short")),
    ({"email": "e" * 255}, ("#/email", "too_long")),
    ({"email": 1}, ("#/email", "wrong_type")),
    ({"password": ""}, ("#/password", "too_short")),
    ({"password": "p" * 129}, ("#/password", "too_long")),
    ({"password": ["p"]}, ("#/password", "wrong_type")),
    ({"password": "nul\x00"}, ("#/password", "invalid_format")),
    ({"remember": True}, ("#/remember", "unknown_field")),
]


@check(
    "VAL21",
    "Login checks lengths and types, and nothing that would tell more.",
    source="contract §10",
    needs={"unlimited"},
)
@pytest.mark.parametrize(("changes", "fault"), LOGIN_FAULTS)
def check_login(api: Api, changes: dict[str, object], fault: tuple[str, str]) -> None:
    """Also: an address that is none is simply unknown."""
    body = {"email": "nobody@people.suite.example", "password": "whatever"} | changes
    expect.faults(api.post("/v1/auth/login", body), fault)
    odd = {"email": "no address", "password": "w"}
    expect.problem(api.post("/v1/auth/login", odd), 401, "invalid-credentials")


OTHER_FAULTS: list[tuple[str, str, object, tuple[str, str]]] = [
    ("POST", "/v1/auth/refresh", {"refresh_token": ""}, ("#/refresh_token", "too_short")),
    ("POST", "/v1/auth/refresh", {"refresh_token": "r" * 513}, ("#/refresh_token", "too_long")),
    ("POST", "/v1/auth/refresh", {"refresh_token": 1}, ("#/refresh_token", "wrong_type")),
    ("POST", "/v1/auth/logout", {"all": "true"}, ("#/all", "wrong_type")),
    ("POST", "/v1/auth/logout", {"all": 1}, ("#/all", "wrong_type")),
    ("POST", "/v1/auth/logout", {"all": None}, ("#/all", "wrong_type")),
    ("POST", "/v1/auth/logout", {"everything": True}, ("#/everything", "unknown_field")),
    ("PATCH", "/v1/me", {"display_name": None}, ("#/display_name", "wrong_type")),
    ("PATCH", "/v1/me", {"display_name": ""}, ("#/display_name", "too_short")),
    ("PATCH", "/v1/me", {"display_name": "n" * 101}, ("#/display_name", "too_long")),
    ("PATCH", "/v1/me", {"email": "other@example.com"}, ("#/email", "unknown_field")),
]
KEY_FAULTS: list[tuple[dict[str, object], tuple[tuple[str, str], ...]]] = [
    ({"name": ""}, (("#/name", "too_short"),)),
    ({"name": "n" * 101}, (("#/name", "too_long"),)),
    ({"name": "a\tb"}, (("#/name", "invalid_format"),)),
    ({"name": 5}, (("#/name", "wrong_type"),)),
    ({"scopes": []}, (("#/scopes", "too_few"),)),
    ({"scopes": "profile:read"}, (("#/scopes", "wrong_type"),)),
    ({"scopes": None}, (("#/scopes", "wrong_type"),)),
    ({"scopes": [1]}, (("#/scopes/0", "wrong_type"),)),
    ({"scopes": ["everything"]}, (("#/scopes/0", "invalid_value"),)),
    ({"scopes": ["profile:read", "profile:read"]}, (("#/scopes/1", "duplicate"),)),
    ({"expires_at": "2020-01-01T00:00:00Z"}, (("#/expires_at", "in_past"),)),
    ({"expires_at": "2020-01-01T00:00:00.000Z"}, (("#/expires_at", "in_past"),)),
    ({"expires_at": "2999-01-01"}, (("#/expires_at", "invalid_format"),)),
    ({"expires_at": "2999-01-01T00:00:00"}, (("#/expires_at", "invalid_format"),)),
    ({"expires_at": "2999-01-01T00:00:00+00:00"}, (("#/expires_at", "invalid_format"),)),
    ({"expires_at": "2999-01-01T00:00:00.1Z"}, (("#/expires_at", "invalid_format"),)),
    ({"expires_at": "2999-02-30T00:00:00Z"}, (("#/expires_at", "invalid_format"),)),
    ({"expires_at": "2999-01-01 00:00:00Z"}, (("#/expires_at", "invalid_format"),)),
    ({"expires_at": "2999-01-01t00:00:00z"}, (("#/expires_at", "invalid_format"),)),
    ({"expires_at": ""}, (("#/expires_at", "invalid_format"),)),
    ({"expires_at": 32472144000}, (("#/expires_at", "wrong_type"),)),
]


@check("VAL22", "Each rule of each other field draws exactly its fault.", source="ASVS 2.2.1; contract §10")
@pytest.mark.parametrize(("method", "path", "body", "fault"), OTHER_FAULTS)
def check_fields(people: People, method: str, path: str, body: object, fault: tuple[str, str]) -> None:
    """Refresh, logout and profile."""
    expect.faults(people.anyone.api.request(method, path, json=body), fault)


@check("VAL23", "Each rule of an API key's fields draws exactly its fault.", source="ASVS 2.2.1; contract §10")
@pytest.mark.parametrize(("changes", "faults"), KEY_FAULTS)
def check_key_fields(people: People, changes: dict[str, object], faults: tuple[tuple[str, str], ...]) -> None:
    """Name, scopes, expiry."""
    body = {"name": "key", "scopes": ["profile:read"]} | changes
    expect.faults(people.anyone.api.post("/v1/api-keys", body), *faults)


@check("VAL24", "expires_at may be null, absent, with or without milliseconds.", source="contract §10")
def check_expiry_forms(people: People) -> None:
    """And is given back in the one form."""
    account = people.new()
    day = (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%S")
    for given, shown in ((None, None), (f"{day}Z", f"{day}.000Z"), (f"{day}.123Z", f"{day}.123Z")):
        reply = account.api.post("/v1/api-keys", {"name": "k", "scopes": ["profile:read"], "expires_at": given})
        expect.same("expires_at", expect.status(reply, 201).json()["expires_at"], shown, reply)


PRODUCT_FAULTS: list[tuple[str, object, str]] = [
    ("sku", None, "wrong_type"),
    ("sku", 1, "wrong_type"),
    ("sku", "", "invalid_format"),
    ("sku", "abc", "invalid_format"),
    ("sku", "-A", "invalid_format"),
    ("sku", "A B", "invalid_format"),
    ("sku", "A\n", "invalid_format"),
    ("sku", "A" * 33, "invalid_format"),
    ("name", "", "too_short"),
    ("name", "n" * 201, "too_long"),
    ("name", "a\x1bb", "invalid_format"),
    ("name", 1, "wrong_type"),
    ("price_cents", None, "wrong_type"),
    ("price_cents", "1", "wrong_type"),
    ("price_cents", True, "wrong_type"),
    ("price_cents", 1.5, "wrong_type"),
    ("price_cents", -1, "too_small"),
    ("price_cents", MAXIMUM + 1, "too_large"),
    ("price_cents", 10**30, "too_large"),
    ("currency", "eur", "invalid_format"),
    ("currency", "EURO", "invalid_format"),
    ("currency", "", "invalid_format"),
    ("currency", "ÄÖÜ", "invalid_format"),
    ("stock", -1, "too_small"),
    ("stock", 1_000_000_001, "too_large"),
    ("stock", [], "wrong_type"),
]


@check(
    "VAL25",
    "Each rule of a product's fields draws exactly its fault.",
    source="ASVS 2.2.1; contract §10",
    part="sample",
    needs={"admin"},
)
@pytest.mark.parametrize(("field", "value", "code"), PRODUCT_FAULTS)
def check_product_fields(people: People, shop: Shop, field: str, value: object, code: str) -> None:
    """On creation, and where the field can be changed on PATCH."""
    reply = people.admin.api.post("/v1/products", shop.product_body(**{field: value}))
    expect.faults(reply, (f"#/{field}", code))


@check(
    "VAL26",
    "PATCH of a product checks the same rules, refuses null and what never changes, and leaves the product alone.",
    source="contract §11.4",
    part="sample",
    needs={"admin"},
)
def check_product_patch(people: People, shop: Shop) -> None:
    """Faults, then nothing has changed."""
    product = shop.product()
    path = f"/v1/products/{product['id']}"
    for body, *faults in (
        ({"name": None}, ("#/name", "wrong_type")),
        ({"stock": -1, "price_cents": "1"}, ("#/price_cents", "wrong_type"), ("#/stock", "too_small")),
        ({"sku": "NEW"}, ("#/sku", "unknown_field")),
        ({"currency": "USD"}, ("#/currency", "unknown_field")),
        ({"version": 7}, ("#/version", "unknown_field")),
    ):
        expect.faults(people.admin.api.patch(path, body), *faults)
    expect.same("the product afterwards", shop.get(product["id"]), product)


@check(
    "VAL03",
    "An integer is an integer however it is written (1.0, 1e2), and nothing else is one.",
    source="JSON Schema 2020-12 §6.1.1; contract §1",
    part="sample",
    needs={"admin"},
)
@pytest.mark.parametrize(
    ("written", "value", "code"),
    [
        ("7", 7, None), ("7.0", 7, None), ("1e2", 100, None), ("1.5e1", 15, None), ("700e-2", 7, None), ("-0", 0, None),
        ("0.0", 0, None), ("99999999999.0", MAXIMUM, None), ('"7"', None, "wrong_type"), ("true", None, "wrong_type"),
        ("1.5", None, "wrong_type"), ("null", None, "wrong_type"), ("[7]", None, "wrong_type"),
        ("1e400", None, "too_large"), ("-1e400", None, "too_small"), ("99999999999.5", None, "wrong_type"),
        ("100000000000", None, "too_large"), ("9" * 400, None, "too_large"),
    ],
)  # fmt: skip
def check_integers(people: People, shop: Shop, written: str, value: int | None, code: str | None) -> None:
    """The price of a product, written as given."""
    body = json.dumps(shop.product_body(price_cents=0)).replace('"price_cents": 0', f'"price_cents": {written}')
    reply = people.admin.api.post("/v1/products", content=body.encode(), media_type="application/json")
    if code is not None:
        expect.faults(reply, ("#/price_cents", code))
    else:
        expect.same("price_cents", expect.status(reply, 201).json()["price_cents"], value, reply)
        expect.that(f'"price_cents":{value},'.encode() in reply.body, "it is not written as an integer", reply)


ORDER_FAULTS: list[tuple[object, tuple[str, str]]] = [
    (None, ("#/lines", "wrong_type")),
    ({}, ("#/lines", "wrong_type")),
    ([], ("#/lines", "too_few")),
    ([None], ("#/lines/0", "wrong_type")),
    ([[]], ("#/lines/0", "wrong_type")),
    ([{"quantity": 1}], ("#/lines/0/product_id", "required")),
    ([{"product_id": "{id}"}], ("#/lines/0/quantity", "required")),
    ([{"product_id": "{id}", "quantity": 0}], ("#/lines/0/quantity", "too_small")),
    ([{"product_id": "{id}", "quantity": 1001}], ("#/lines/0/quantity", "too_large")),
    ([{"product_id": "{id}", "quantity": "1"}], ("#/lines/0/quantity", "wrong_type")),
    ([{"product_id": "nonsense", "quantity": 1}], ("#/lines/0/product_id", "invalid_format")),
    ([{"product_id": "{ID}", "quantity": 1}], ("#/lines/0/product_id", "invalid_format")),
    ([{"product_id": 1, "quantity": 1}], ("#/lines/0/product_id", "wrong_type")),
    ([{"product_id": "{id}", "quantity": 1, "price_cents": 1}], ("#/lines/0/price_cents", "unknown_field")),
    (
        [{"product_id": "{id}", "quantity": 1}, {"product_id": "{id}", "quantity": 1}],
        ("#/lines/1/product_id", "duplicate"),
    ),
]


@check(
    "VAL27",
    "Each rule of an order's lines draws exactly its fault, at the line.",
    source="ASVS 2.2.1; contract §10",
    part="sample",
    needs={"admin"},
)
@pytest.mark.parametrize(("lines", "fault"), ORDER_FAULTS)
def check_order_fields(people: People, shop: Shop, lines: object, fault: tuple[str, str]) -> None:
    """And nothing is ordered."""
    product = shop.product(stock=5)
    filled = json.loads(
        json.dumps(lines).replace("{id}", product["id"]).replace("{ID}", product["id"].upper().replace("0", "A", 1))
    )
    expect.faults(people.anyone.api.post("/v1/orders", {"lines": filled}), fault)
    expect.same("stock afterwards", shop.get(product["id"])["stock"], 5)


@check(
    "VAL28",
    "An order has at most 50 lines.",
    source="contract §10",
    part="sample",
    needs={"admin"},
)
def check_order_size(people: People) -> None:
    """51 are too many, whatever is in them."""
    lines = [{"product_id": str(uuid.uuid4()), "quantity": 1} for _ in range(51)]
    expect.faults(people.anyone.api.post("/v1/orders", {"lines": lines}), ("#/lines", "too_many"))


@check("VAL04", "A name in another case is unknown; a number is no string.", source="ASVS 15.3.5; contract §1")
def check_names_and_types(api: Api) -> None:
    """What lenient binders accept."""
    body = _registration()
    upper = {name.capitalize(): value for name, value in body.items()}
    reply = api.post("/v1/auth/register", upper)
    unknown = [(f"#/{name}", "unknown_field") for name in upper]
    expect.faults(reply, *unknown, *((f"#/{name}", "required") for name in body))
    expect.faults(api.post("/v1/auth/register", body | {"display_name": 42}), ("#/display_name", "wrong_type"))


@check("VAL05", "All faults come at once, sorted by place.", source="RFC 9457 §3; contract §1")
def check_all_at_once(api: Api) -> None:
    """Unknown, missing and wrong fields in one body."""
    reply = api.post("/v1/auth/register", {"zeta": 1, "email": "nobody", "password": "short", "alpha": None})
    expect.faults(
        reply,
        ("#/alpha", "unknown_field"),
        ("#/display_name", "required"),
        ("#/email", "invalid_format"),
        ("#/password", "too_short"),
        ("#/zeta", "unknown_field"),
    )


@check("VAL06", "Nothing is trimmed or normalised.", source="ASVS 6.2.8; contract §10")
def check_not_trimmed(people: People) -> None:
    """A name with spaces around it, a password with spaces that count, two spellings of one letter."""
    name = "  e\u0301 \u00e9  "
    password = f"  passphrase {secrets.token_hex(6)}  "
    account = people.new(display_name=name, password=password)
    expect.same("display_name", account.api.get("/v1/me").json()["display_name"], name)
    for other in (password.strip(), password[1:], password[:-1]):
        reply = people.target.api().post("/v1/auth/login", {"email": account.email, "password": other})
        expect.problem(reply, 401, "invalid-credentials")


NOT_JSON = {
    "empty": b"",
    "half an object": b"{",
    "NaN": b'{"email": NaN}',
    "bare NaN": b"NaN",
    "Infinity": b'{"email": -Infinity}',
    "two values": b"{}{}",
    "trailing text": b"{} x",
    "trailing comma": b'{"email": "a@example.com",}',
    "comment": b'{"email": "a@example.com" /* comment */}',
    "single quotes": b"{'email': 'a@example.com'}",
    "unquoted name": b"{email: 1}",
    "leading zero": b'{"email": 01}',
    "plus sign": b'{"email": +1}',
    "hexadecimal": b'{"email": 0x10}',
    "control character in a string": b'{"email": "a\nb"}',
    "bad escape": b'{"email": "\\x41"}',
    "byte order mark": b"\xef\xbb\xbf{}",
    "UTF-16": '{"email": "a"}'.encode("utf-16"),
    "bad UTF-8": b'{"email": "\xff\xfe"}',
    "overlong UTF-8": b'{"email": "\xc0\xaf"}',
    "surrogate in UTF-8": b'{"email": "\xed\xa0\x80"}',
    "form": b"email=a%40example.com",
}


@check("VAL07", "What is not JSON in UTF-8 is 400 malformed-request.", source="RFC 8259 §2, §8.1; RFC 9110 §15.5.1")
@pytest.mark.parametrize("name", NOT_JSON)
def check_not_json(api: Api, name: str) -> None:
    """A login with such a body."""
    reply = api.post("/v1/auth/login", content=NOT_JSON[name], media_type="application/json")
    expect.problem(reply, 400, "malformed-request")


@check("VAL08", "JSON that is no object is `wrong_type` at the root.", source="RFC 8259 §2; contract §10")
@pytest.mark.parametrize("body", [b"[]", b'"x"', b"1", b"null", b"true", b"[{}]", b" []\r\n"])
def check_no_object(api: Api, body: bytes) -> None:
    """A login with such a body."""
    expect.faults(api.post("/v1/auth/login", content=body, media_type="application/json"), ("#", "wrong_type"))


@check(
    "VAL30", "Deep nesting and long numbers are refused, not a fault of the service.", source="RFC 8259 §9; API4:2023"
)
@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000 + b"]" * 100_000,
        b'{"email":' * 50_000 + b"1" + b"}" * 50_000,
        b'{"email": ' + b"[" * 900 + b"]" * 900 + b"}",
        b'{"email": ' + b"1" * 200_000 + b"}",
    ],
    ids=["arrays", "objects", "some", "digits"],
)
def check_nesting(api: Api, body: bytes) -> None:
    """400 or 422, soon."""
    reply = api.post("/v1/auth/login", content=body, media_type="application/json")
    expect.status(reply, 400, 422)
    expect.that(reply.seconds < 3, f"it took {reply.seconds:.1f} s", reply)


@check("VAL29", "Of a name that stands twice the last value counts, or the body is refused.", source="RFC 8259 §4")
def check_duplicate_names(people: People, api: Api) -> None:
    """A login whose first password is wrong."""
    account = people.new()
    body = (
        json.dumps({"email": account.email, "password": "wrong"})[:-1]
        + f', "password": {json.dumps(account.password)}}}'
    )
    expect.status(api.post("/v1/auth/login", content=body.encode(), media_type="application/json"), 200, 400)
    turned = json.dumps({"email": account.email, "password": account.password})[:-1] + ', "password": "wrong"}'
    expect.status(api.post("/v1/auth/login", content=turned.encode(), media_type="application/json"), 400, 401)


LIMITS: list[tuple[str, str]] = [
    ("limit=0", "too_small"), ("limit=101", "too_large"), ("limit=9999999999999999", "too_large"),
    ("limit=-1", "wrong_type"), ("limit=abc", "wrong_type"), ("limit=1e1", "wrong_type"), ("limit=1.0", "wrong_type"),
    ("limit=", "wrong_type"), ("limit=%201", "wrong_type"), ("limit=%2B1", "wrong_type"), ("limit=01", "wrong_type"),
    ("limit=0x10", "wrong_type"), ("limit=10000000000000000", "wrong_type"), ("limit=%D9%A1", "wrong_type"),
    ("limit=1&limit=2", "duplicate"), ("limit=1&limit=1", "duplicate"),
]  # fmt: skip


@check("VAL09", "A bad `limit` is named as the parameter, with its fault.", source="ASVS 15.3.7; contract §11.1")
@pytest.mark.parametrize(("query", "code"), LIMITS)
def check_limit(people: People, query: str, code: str) -> None:
    """On the list of API keys."""
    expect.faults(people.anyone.api.get(f"/v1/api-keys?{query}"), ("limit", code))


PRODUCT_QUERIES: list[tuple[str, list[tuple[str, str]]]] = [
    ("min_price=-1", [("min_price", "wrong_type")]),
    ("min_price=100000000000", [("min_price", "too_large")]),
    ("max_price=x", [("max_price", "wrong_type")]),
    ("min_price=10&max_price=9", [("max_price", "too_small")]),
    ("q=", [("q", "too_short")]),
    ("q=" + "q" * 101, [("q", "too_long")]),
    ("q=%00", [("q", "invalid_format")]),
    ("q=a%0Ab", [("q", "invalid_format")]),
    ("q=a&q=b", [("q", "duplicate")]),
    ("sort=price", [("sort", "invalid_value")]),
    ("sort=", [("sort", "invalid_value")]),
    ("sort=%2Bprice_cents", [("sort", "invalid_value")]),
    ("sort=--created_at", [("sort", "invalid_value")]),
    ("cursor=nonsense", [("cursor", "invalid_cursor")]),
    ("cursor=" + "c" * 513, [("cursor", "too_long")]),
    ("limit=0&sort=x&min_price=x", [("limit", "too_small"), ("min_price", "wrong_type"), ("sort", "invalid_value")]),
]


@check(
    "VAL31",
    "Each bad parameter of the catalogue is named with its fault, all at once.",
    source="ASVS 2.2.1; contract §10, §11.1",
    part="sample",
)
@pytest.mark.parametrize(("query", "faults"), PRODUCT_QUERIES)
def check_product_query(api: Api, query: str, faults: list[tuple[str, str]]) -> None:
    """On the list of products."""
    expect.faults(api.get(f"/v1/products?{query}"), *faults)


@check("VAL32", "Orders take two states and four sorts.", source="contract §10", part="sample")
def check_order_query(people: People) -> None:
    """Anything else is named."""
    buyer = people.anyone
    for query, fault in (
        ("status=lost", ("status", "invalid_value")),
        ("status=", ("status", "invalid_value")),
        ("status=PLACED", ("status", "invalid_value")),
        ("sort=status", ("sort", "invalid_value")),
        ("sort=total_cents&sort=created_at", ("sort", "duplicate")),
    ):
        expect.faults(buyer.api.get(f"/v1/orders?{query}"), fault)


@check("VAL33", "A query that cannot be decoded is 400.", source="RFC 3986 §2.1; contract §11.1")
@pytest.mark.parametrize("query", ["limit=%zz", "limit=%", "limit=1%f", "limit=%ff", "cursor=%C3%28", "%ff=1"])
def check_undecodable_query(people: People, query: str) -> None:
    """Bad escapes, bad UTF-8."""
    expect.problem(people.anyone.api.get(f"/v1/api-keys?{query}"), 400, "malformed-request")


@check("VAL10", "A malformed id in a path is 404, as an unknown one.", source="API1:2023; contract §1")
@pytest.mark.parametrize(
    "value",
    [
        "abc",
        "1",
        "a" * 300,
        "{upper}",
        "{hex}",
        "%7B{id}%7D",
        "urn:uuid:{id}",
        "{id}0",
        "%20{id}",
        "{id}%20",
        "%00",
        "..%2f",
    ],
)
def check_malformed_id(people: People, value: str) -> None:
    """An API key's, of a key that exists."""
    account = people.anyone
    key = people.key(account)["id"]
    spelled = value.format(id=key, upper=key.upper(), hex=key.replace("-", ""))
    reply = account.api.get(f"/v1/api-keys/{spelled}")
    expect.problem(reply, 404)


@check(
    "VAL11",
    "Addresses are one account whatever their case, and are kept in lower case.",
    source="ASVS 2.2.1; contract §10",
)
def check_address_case(people: People) -> None:
    """Registered in one case, taken and known in another."""
    local = f"Mixed.Case.{secrets.token_hex(6)}"
    account = people.new(email=f"{local}@People.Suite.EXAMPLE")
    expect.same("email", account.api.get("/v1/me").json()["email"], account.email.lower())
    expect.problem(people.register(email=account.email.upper()), 409, "email-taken")
    people.login(account.email.upper(), account.password)


@check("VAL34", "Addresses that the HTML standard allows are taken.", source="HTML §4.10.5.1.5; contract §10")
@pytest.mark.parametrize(
    "form",
    [
        "{n}@localhost",
        "o'brien+{n}@example.co.uk",
        "{n}!#$%&*/=?^_`{{|}}~-@example.com",
        ".{n}.@example.com",
        "{n}@1.2.3.4",
    ],
)
def check_valid_addresses(people: People, form: str) -> None:
    """Odd, but right."""
    expect.status(people.register(email=form.format(n=secrets.token_hex(6))), 201)


@check(
    "VAL12",
    "Control characters and lone surrogates are `invalid_format`; a password may hold control characters.",
    source="contract §10",
)
def check_characters(people: People, api: Api) -> None:
    """As JSON escapes, which any parser lets through."""
    body = json.dumps(_registration())
    for escape in ("\\u0000", "\\u0001", "\\u001f", "\\u007f", "\\ud800", "\\udc00", "\\ud83d x"):
        text = body.replace('"display_name": "Ada"', f'"display_name": "A{escape}"')
        reply = api.post("/v1/auth/register", content=text.encode(), media_type="application/json")
        expect.faults(reply, ("#/display_name", "invalid_format"))
    for password in ("tab\tand\nnewline in it", "\x01\x02\x7f passphrase 1"):
        account = people.new(password=password)
        people.login(account.email, password)
    text = body.replace("a-valid-passphrase", "lone \\ud800 surrogate")
    reply = api.post("/v1/auth/register", content=text.encode(), media_type="application/json")
    expect.faults(reply, ("#/password", "invalid_format"))


@check("VAL13", "Lengths are counted in code points.", source="contract §10")
def check_lengths(people: People) -> None:
    """Characters beyond the basic plane count once, combining ones for themselves."""
    for name in ("\U0001f600" * 100, "東" * 100, "e\u0301" * 50):
        expect.status(people.register(display_name=name), 201)
    for name in ("\U0001f600" * 101, "e\u0301" * 51):
        expect.faults(people.register(display_name=name), ("#/display_name", "too_long"))
    expect.status(people.register(password="\U0001f511" * 12), 201)
    expect.faults(people.register(password="\U0001f511" * 11), ("#/password", "too_short"))


@check("VAL14", "At most 50 faults are listed, the first by place.", source="contract §10; API4:2023")
def check_many_faults(api: Api) -> None:
    """A body with 120 unknown fields."""
    names = [f"field_{n:03}" for n in range(120)]
    reply = api.post("/v1/auth/register", _registration() | dict.fromkeys(names, 1))
    entries = expect.problem(reply, 422, "validation-failed")["errors"]
    expect.same("places", [entry["pointer"] for entry in entries], [f"#/{name}" for name in names[:50]], reply)


#: What a URI fragment may hold without percent-encoding (RFC 3986 §3.5).
_FRAGMENT = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-F]{2})*")


@check(
    "VAL15", "A pointer is a JSON pointer as a URI fragment; long ones are cut.", source="RFC 6901 §3, §6; contract §10"
)
@pytest.mark.parametrize(
    "name", ["a/b", "m~n", "a b", 'quo"te', "per%cent", "zoë", "^|<>\\", "a#b", "東", "~1", "", "x:y@z!"]
)
def check_pointers(api: Api, name: str) -> None:
    """Unknown fields with unusual names."""
    reply = api.post("/v1/auth/register", _registration() | {name: 1})
    (entry,) = expect.problem(reply, 422, "validation-failed")["errors"]
    pointer = entry["pointer"]
    expect.same("code", entry["code"], "unknown_field", reply)
    expect.that(pointer.startswith("#/") and _FRAGMENT.fullmatch(pointer[1:]), f"{pointer!r} is no URI fragment", reply)
    expect.same("the pointer", unquote(pointer[1:]), "/" + name.replace("~", "~0").replace("/", "~1"), reply)


@check(
    "VAL35",
    "In a pointer a lone surrogate shows as a question mark.",
    source="RFC 3629 §3; RFC 6901 §6; contract (openapi.yaml, Problem)",
)
@pytest.mark.parametrize(
    ("escapes", "shown"), [("\\ud800", "?"), ("a\\udfffb", "a?b"), ("\\udc00\\ud83d", "??"), ("\\ud83d\\ude00", "😀")]
)
def check_surrogates_in_pointers(api: Api, escapes: str, shown: str) -> None:
    """As the name of an unknown field; a pair is a character like any other."""
    text = json.dumps(_registration())[:-1] + f', "{escapes}": 1}}'
    reply = api.post("/v1/auth/register", content=text.encode(), media_type="application/json")
    (entry,) = expect.problem(reply, 422, "validation-failed")["errors"]
    expect.same("place, code", (unquote(entry["pointer"]), entry["code"]), (f"#/{shown}", "unknown_field"), reply)


@check("VAL16", "A pointer is cut after 200 characters.", source="contract §10; API4:2023")
def check_long_pointer(api: Api) -> None:
    """An unknown field with a long name."""
    reply = api.post("/v1/auth/register", _registration() | {"a" * 5000: 1})
    expect.faults(reply, ("#/" + "a" * 198, "unknown_field"))


@check("VAL17", "The bounds themselves are allowed.", source="contract §10", part="sample", needs={"admin"})
def check_bounds(people: People, shop: Shop) -> None:
    """Least and largest values of a product and a line."""
    product = shop.product(price_cents=MAXIMUM, stock=1_000_000_000, name="n" * 200, sku=_long_sku())
    order = shop.order(people.new(), (product, 1000))
    expect.same("total_cents", order["total_cents"], MAXIMUM * 1000)
    free = shop.product(price_cents=0, stock=0, name="\U0001f600" * 200)
    expect.same("stock", free["stock"], 0)


def _long_sku() -> str:
    return ("A" + secrets.token_hex(16).upper())[:32]


@check(
    "VAL18",
    "An order of 50 lines works, and its faults name the right lines.",
    source="contract §10, §11.12",
    part="sample",
    needs={"admin"},
)
def check_fifty_lines(people: People, shop: Shop) -> None:
    """Unknown products at two places."""
    products = [shop.product(stock=5) for _ in range(50)]
    buyer: Account = people.new()
    body: dict[str, Any] = shop.lines(*((product, 1) for product in products))
    expect.same("lines", [line["product_id"] for line in _placed(buyer, body)["lines"]], [p["id"] for p in products])
    for place in (3, 20):
        body["lines"][place]["product_id"] = str(uuid.uuid4())
    reply = buyer.api.post("/v1/orders", body)
    expect.faults(reply, ("#/lines/3/product_id", "not_found"), ("#/lines/20/product_id", "not_found"))


def _placed(buyer: Account, body: dict[str, object]) -> dict[str, Any]:
    reply: Reply = buyer.api.post("/v1/orders", body)
    order: dict[str, Any] = expect.status(reply, 201).json()
    return order


@check("VAL19", "Names of fields are not looked up on objects of the language.", source="ASVS 15.3.6")
@pytest.mark.parametrize(
    "name", ["__proto__", "constructor", "prototype", "toString", "__class__", "class", "hasOwnProperty"]
)
def check_magic_names(api: Api, name: str) -> None:
    """Unknown like any other; the next request is unharmed."""
    text = json.dumps(_registration())[:-1] + f', "{name}": {{"admin": true}}}}'
    reply = api.post("/v1/auth/register", content=text.encode(), media_type="application/json")
    expect.faults(reply, (f"#/{quote(name)}", "unknown_field"))
    expect.status(api.post("/v1/auth/register", _registration()), 201)


@check(
    "VAL36",
    "A body with more faults than are shown costs no more than one of its size with a single fault.",
    source="contract §11.27; API4:2023; CWE-400",
)
def check_cost_of_faults(api: Api) -> None:
    """A hundred thousand unknown members, against the same members at a place where one fault says it all."""
    members = ",".join(f'"{number:05x}":0' for number in range(100_000))
    many, single = f"{{{members}}}".encode(), f'{{"email":{{{members}}}}}'.encode()
    took: dict[bytes, list[float]] = {many: [], single: []}
    for body in (many, single) * 3:
        reply = api.post("/v1/auth/register", content=body, media_type="application/json")
        errors = expect.problem(reply, 422, "validation-failed")["errors"]
        expect.that(len(errors) <= 50, f"{len(errors)} entries", reply)
        took[body].append(reply.seconds)
    ours, theirs = min(took[many]), min(took[single])
    expect.that(ours < 2 * theirs + 0.15, f"{ours:.3f} s with a fault at each member, {theirs:.3f} s with a single one")
