"""Pagination, filtering and sorting."""

from __future__ import annotations

import base64
import hashlib
import json
import random
import re
import time
import uuid
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from scaffold.conformance import expect
from scaffold.conformance.client import together
from scaffold.conformance.registry import check

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scaffold.conformance.accounts import Account, People, Shop
    from scaffold.conformance.client import Api
    from scaffold.conformance.exchange import Reply

Item = dict[str, Any]
Kind = Literal["time", "integer"]


class Catalogue:
    """Products whose names share a mark, so that a filter finds just these."""

    def __init__(self, shop: Shop, count: int) -> None:
        """Make products with few different prices, so that ids have to break ties."""
        self.shop = shop
        self.mark = uuid.uuid4().hex[:12]
        chance = random.Random(7)  # noqa: S311 - test data
        prices = [chance.choice((100, 200, 300, 400)) for _ in range(count)]
        self.items: list[Item] = together_in_order(
            [lambda n=n, price=price: self.add(n, price) for n, price in enumerate(prices)]
        )

    def add(self, number: int, price: int) -> Item:
        """One more product."""
        word = ("Green Tea", "black tea", "Coffee")[number % 3]
        return self.shop.product(name=f"{self.mark} {word} {number}", price_cents=price)

    def expected(self, sort: str, items: list[Item] | None = None) -> list[str]:
        """Ids in the order that the contract asks for: ties by id, in the sort's direction."""
        key = sort.removeprefix("-")
        ordered = sorted(items or self.items, key=lambda item: (item[key], item["id"]), reverse=sort.startswith("-"))
        return [item["id"] for item in ordered]


def together_in_order(calls: list[Any]) -> list[Item]:
    """Make the calls eight at a time; the results in the calls' order."""
    found: list[Item] = []
    for start in range(0, len(calls), 8):
        found += together(calls[start : start + 8])
    return found


@pytest.fixture(scope="module")
def catalogue(shop: Shop) -> Catalogue:
    """137 products."""
    return Catalogue(shop, 137)


def walk(api: Api, path: str, parameters: Mapping[str, object]) -> tuple[list[Item], list[Reply]]:
    """All items of a list, page by page, by `next_cursor`."""
    items: list[Item] = []
    replies: list[Reply] = []
    cursor: str | None = None
    while True:
        query = dict(parameters) | ({"cursor": cursor} if cursor else {})
        reply = expect.status(api.get(path, params=query), 200)
        page = reply.json()
        replies.append(reply)
        items += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return items, replies
        assert len(replies) < 1000, "the list does not end"


@check(
    "PAG01",
    "Walking a list gives each row once, in order, in full pages; next_cursor is null only at the end.",
    source="AIP-158; RFC 8288; contract §1",
    part="sample",
    needs={"admin"},
)
@pytest.mark.parametrize("limit", [7, 20, 100, 137])
@pytest.mark.parametrize("sort", ["created_at", "-created_at", "price_cents", "-price_cents"])
def check_walk(api: Api, catalogue: Catalogue, limit: int, sort: str) -> None:
    """With every sort."""
    limit = min(limit, 100)
    items, replies = walk(api, "/v1/products", {"q": catalogue.mark, "limit": limit, "sort": sort})
    expect.same("rows", [item["id"] for item in items], catalogue.expected(sort))
    sizes = [len(reply.json()["items"]) for reply in replies]
    expect.that(all(size == limit for size in sizes[:-1]), f"pages of {sizes}")
    expect.that(sizes[-1] > 0, "the last page is empty", replies[-1])


@check(
    "PAG03",
    "Link rel=next leads to the same next page as next_cursor, and keeps filters.",
    source="RFC 8288 §3; contract §11.7",
    part="sample",
    needs={"admin"},
)
def check_link(api: Api, catalogue: Catalogue) -> None:
    """Path-absolute; absent on the last page."""
    parameters = {"q": catalogue.mark, "min_price": "200", "sort": "price_cents", "limit": "30"}
    reply = expect.status(api.get("/v1/products", params=parameters), 200)
    followed = [item["id"] for item in reply.json()["items"]]
    while reply.json()["next_cursor"]:
        link = reply.headers.get("link", "")
        match = re.fullmatch(r'<(/v1/products\?[^>]*)>;\s*rel="next"', link)
        expect.that(match, f"Link is {link!r}", reply)
        assert match is not None
        query = {name: values for name, values in parse_qs(urlsplit(match.group(1)).query).items() if name != "cursor"}
        expect.same("parameters of Link", query, {name: [value] for name, value in parameters.items()}, reply)
        expect.same(
            "cursor of Link", parse_qs(urlsplit(match.group(1)).query)["cursor"], [reply.json()["next_cursor"]], reply
        )
        reply = expect.status(api.get(match.group(1)), 200)
        followed += [item["id"] for item in reply.json()["items"]]
    expect.header(reply, "link", None)
    wanted = [item for item in catalogue.items if item["price_cents"] >= 200]
    expect.same("rows", followed, catalogue.expected("price_cents", wanted))


@check(
    "PAG02",
    "Rows that come and go between pages cost no other row, and double none.",
    source="Zalando 160; contract §1",
    part="sample",
    needs={"admin"},
)
@pytest.mark.parametrize("sort", ["-created_at", "price_cents"])
def check_moving_list(api: Api, people: People, shop: Shop, sort: str) -> None:
    """Inserts before and behind, a deletion of the cursor's own row."""
    catalogue = Catalogue(shop, 24)
    parameters = {"q": catalogue.mark, "limit": 5, "sort": sort}
    seen: list[str] = []
    gone: set[str] = set()
    reply = api.get("/v1/products", params=parameters)
    for number in range(100):
        page = expect.status(reply, 200).json()
        seen += [item["id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        last = page["items"][-1]["id"]
        if number < 3:
            expect.status(people.admin.api.delete(f"/v1/products/{last}"), 204)
            gone.add(last)
            catalogue.add(1000 + number, 100 + 100 * number)
        reply = api.get("/v1/products", params=parameters | {"cursor": page["next_cursor"]})
    expect.same("rows seen twice", len(seen) - len(set(seen)), 0)
    survivors = {item["id"] for item in catalogue.items} - gone
    expect.same("rows lost", survivors - set(seen), set())


@check(
    "PAG04",
    "A cursor is of one list, one sort and one set of filters; any other is `invalid_cursor`.",
    source="AIP-158; contract §11.7",
    part="sample",
    needs={"admin"},
)
def check_foreign_cursors(api: Api, catalogue: Catalogue, people: People) -> None:
    """Other filter, other sort, other list; another limit is fine."""
    parameters = {"q": catalogue.mark, "limit": 3, "sort": "price_cents", "max_price": 300}
    cursor = expect.status(api.get("/v1/products", params=parameters), 200).json()["next_cursor"]
    for changes in (
        {"q": catalogue.mark[:-1]},
        {"sort": "-price_cents"},
        {"sort": "created_at"},
        {"max_price": 301},
        {"min_price": 0},
    ):
        reply = api.get("/v1/products", params=parameters | changes | {"cursor": cursor})
        expect.faults(reply, ("cursor", "invalid_cursor"))
    without = {name: value for name, value in parameters.items() if name != "max_price"}
    expect.faults(api.get("/v1/products", params=without | {"cursor": cursor}), ("cursor", "invalid_cursor"))
    expect.faults(people.anyone.api.get("/v1/orders", params={"cursor": cursor}), ("cursor", "invalid_cursor"))
    expect.faults(people.anyone.api.get("/v1/api-keys", params={"cursor": cursor}), ("cursor", "invalid_cursor"))
    expect.status(api.get("/v1/products", params=parameters | {"limit": 50, "cursor": cursor}), 200)


@check("PAG05", "A cursor that was not made by the service is `invalid_cursor`.", source="AIP-158; contract §11.7")
def check_forged_cursors(people: People) -> None:
    """Every character changed once, other spellings of the same bytes, made-up places."""
    account = people.new()
    for _ in range(2):
        people.key(account)
    cursor = expect.status(account.api.get("/v1/api-keys?limit=1"), 200).json()["next_cursor"]
    forged = {cursor[:n] + ("A" if cursor[n] != "A" else "B") + cursor[n + 1 :] for n in range(0, len(cursor), 3)}
    forged |= {
        cursor + "=",
        cursor + "==",
        cursor + "A",
        cursor[:-1],
        f" {cursor}",
        cursor.swapcase(),
        "e30",
        "W10",
        "bnVsbA",
        "-",
        ".",
    }
    parts = json.loads(_decoded(cursor))
    forged.add(_encoded(json.dumps(parts)))
    forged.add(_encoded(json.dumps([*parts, 1], separators=(",", ":"))))
    forged.add(_encoded(json.dumps([parts[0], parts[1], str(uuid.uuid4()), parts[3]], separators=(",", ":"))))
    forged.add(_encoded(json.dumps([parts[0], "2020-01-01T00:00:00.000Z", *parts[2:]], separators=(",", ":"))))
    for value in sorted(forged):
        reply = account.api.get(f"/v1/api-keys?limit=1&cursor={quote(value, safe='')}")
        expect.faults(reply, ("cursor", "invalid_cursor"))


def _decoded(cursor: str) -> bytes:
    return base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))


def _encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


@check(
    "PAG07",
    "A cursor has the contract's form, so that any stack takes it.",
    source="contract §11.7",
    part="sample",
    needs={"admin"},
)
@pytest.mark.parametrize("sort", ["created_at", "-created_at", "price_cents", "-price_cents"])
def check_cursor_form(api: Api, catalogue: Catalogue, sort: str) -> None:
    """Compact JSON of sort, key, id and a digest over path, sort, key, id and the sorted filters."""
    parameters = {"sort": sort, "q": catalogue.mark, "min_price": "100", "limit": "4"}
    reply = expect.status(api.get("/v1/products", params=parameters), 200)
    last, cursor = reply.json()["items"][-1], reply.json()["next_cursor"]
    key = last[sort.removeprefix("-")]
    expect.that("=" not in cursor, "the cursor is padded", reply)
    text = _decoded(cursor).decode()
    filters = sorted(f"{name}={parameters[name]}" for name in ("q", "min_price"))
    digest = hashlib.sha256("\n".join(["/v1/products", sort, str(key), last["id"], *filters]).encode()).hexdigest()[:16]
    expect.same("the cursor", text, json.dumps([sort, key, last["id"], digest], separators=(",", ":")), reply)


@check(
    "PAG06", "Each filter finds exactly the rows that it should.", source="contract §10", part="sample", needs={"admin"}
)
def check_filters(api: Api, catalogue: Catalogue) -> None:
    """Against a model in Python: name, price range, both, in either case."""
    mark = catalogue.mark
    for word in ("Tea", "tea", "TEA", "green t", "coffee", f"{mark} b", "no such thing", " "):
        for low, high in ((None, None), (200, None), (None, 200), (200, 300), (250, 250)):
            parameters: dict[str, object] = {
                "q": f"{mark} " if word == " " else word,
                "limit": 100,
                "sort": "created_at",
            }
            parameters |= {
                name: bound for name, bound in (("min_price", low), ("max_price", high)) if bound is not None
            }
            needle = str(parameters["q"]).lower()
            wanted = [
                item
                for item in catalogue.items
                if needle in item["name"].lower() and (low or 0) <= item["price_cents"] <= (high or 10**12)
            ]
            items, _ = walk(api, "/v1/products", parameters)
            got = [item["id"] for item in items if item["name"].startswith(mark)]
            expect.same(f"rows for {parameters}", got, catalogue.expected("created_at", wanted) if wanted else [])


@check(
    "PAG08",
    "Orders are filtered by state and sorted by time and total, each with its lines.",
    source="contract §10",
    part="sample",
    needs={"admin"},
)
def check_orders(people: People, shop: Shop) -> None:
    """Twelve orders of one buyer, some cancelled."""
    buyer: Account = people.new()
    product = shop.product(stock=1000, price_cents=10)
    orders = []
    for number in range(12):
        order = shop.order(buyer, (product, 1 + number % 4))
        if number % 3 == 0:
            order = expect.status(buyer.api.post(f"/v1/orders/{order['id']}/cancel"), 200).json()
        orders.append(order)
        time.sleep(0.002)
    for state in (None, "placed", "cancelled"):
        wanted = [order for order in orders if state in (None, order["status"])]
        for sort in ("created_at", "-created_at", "total_cents", "-total_cents"):
            parameters = {"sort": sort, "limit": 5} | ({"status": state} if state else {})
            items, _ = walk(buyer.api, "/v1/orders", parameters)
            key = sort.removeprefix("-")
            ordered = sorted(wanted, key=lambda order: (order[key], order["id"]), reverse=sort.startswith("-"))
            expect.same(f"orders for {parameters}", items, ordered)


@check(
    "PAG09", "The default page has 20 rows, newest first.", source="contract §1, §10", part="sample", needs={"admin"}
)
def check_defaults(api: Api, catalogue: Catalogue) -> None:
    """Without limit and sort."""
    reply = expect.status(api.get("/v1/products", params={"q": catalogue.mark}), 200)
    got = [item["id"] for item in reply.json()["items"]]
    expect.same("rows", got, catalogue.expected("-created_at")[:20], reply)


def _forged(path: str, sort: str, key: object, row_id: object, filters: tuple[str, ...] = ()) -> set[str]:
    """Cursors of this place with a good digest, in each way in which a stack may write its key as text."""
    texts = {
        key if isinstance(key, str) else json.dumps(key),
        str(key),
        f"{key:.0f}" if isinstance(key, float) else str(key),
    }
    found = set()
    for text in texts:
        signed = "\n".join([path, sort, text, str(row_id), *sorted(filters)])
        digest = hashlib.sha256(signed.encode()).hexdigest()[:16]
        found.add(_encoded(json.dumps([sort, key, row_id, digest], separators=(",", ":"))))
    return found


_GOOD_ID = "01890a5d-ac96-774b-bcce-b302099a8057"
_GOOD_TIME = "2026-01-01T00:00:00.000Z"
_BAD_KEYS: Mapping[Kind, list[object]] = {
    "time": [
        None, True, 5, 1.5, 10**19, [], {}, [_GOOD_TIME], "", "nonsense", "2026-01-01", "2026-13-01T00:00:00.000Z",
        "2026-02-30T00:00:00.000Z", "2026-01-01T24:00:00.000Z", "2026-01-01T00:00:60.000Z", "2026-01-01T00:00:00Z",
        "2026-01-01T00:00:00.000+01:00", "99999-01-01T00:00:00.000Z", "2026-01-01 00:00:00.000Z", "5", _GOOD_TIME + "x",
    ],
    "integer": [
        None, True, 1.5, -0.5, 10**19, 2**63, -(2**63) - 1, 1e300, [], {}, [5], "", "5", "nonsense", _GOOD_TIME,
    ],
}  # fmt: skip
_BAD_IDS: list[object] = [
    None,
    5,
    True,
    [],
    {},
    "",
    "nonsense",
    _GOOD_ID.upper(),
    _GOOD_ID.replace("-", ""),
    _GOOD_ID + "x",
]


def refuses_cursors(api: Api, path: str, sorts: Mapping[str, Kind], *, fixed: bool = False) -> None:
    """Expect a list to refuse cursors whose digest is right, but whose key or id is none of its column.

    Args:
        api: The caller.
        path: The list.
        sorts: The orders that are tried, with the kind of their column.
        fixed: Whether the list has one order, which is not asked for.
    """
    for sort, kind in sorts.items():
        good: object = _GOOD_TIME if kind == "time" else 5
        forged = [cursor for key in _BAD_KEYS[kind] for cursor in _forged(path, sort, key, _GOOD_ID)]
        forged += [cursor for row_id in _BAD_IDS for cursor in _forged(path, sort, good, row_id)]
        order = {} if fixed else {"sort": sort}
        # The digest is right: what differs from these is refused for its key or id alone.
        (right,) = _forged(path, sort, good, _GOOD_ID)
        expect.status(api.get(path, params={**order, "cursor": right}), 200)
        for cursor in forged:
            expect.faults(api.get(path, params={**order, "cursor": cursor}), ("cursor", "invalid_cursor"))


@check(
    "PAG10",
    "A cursor whose digest is right, but whose key or id is none of its column, is `invalid_cursor`.",
    source="contract §11.26; ASVS 2.2.1",
)
def check_forged_keys_of_api_keys(people: People) -> None:
    """Types, forms and ranges, on the list of API keys."""
    refuses_cursors(people.anyone.api, "/v1/api-keys", {"-created_at": "time"}, fixed=True)


@check(
    "PAG11",
    "So it is on every list of the sample, by every sort.",
    source="contract §11.26; ASVS 2.2.1",
    part="sample",
)
@pytest.mark.parametrize("path", ["/v1/products", "/v1/orders"])
def check_forged_keys(people: People, path: str) -> None:
    """Times and cents, upwards and downwards."""
    amount = "price_cents" if path == "/v1/products" else "total_cents"
    sorts: Mapping[str, Kind] = {
        "created_at": "time",
        "-created_at": "time",
        amount: "integer",
        f"-{amount}": "integer",
    }
    refuses_cursors(people.anyone.api, path, sorts)
