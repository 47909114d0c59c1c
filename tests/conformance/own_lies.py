"""Lies about a service's own resources: the sample's, held to a contract that does not know them."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from lies import Falsification, Reply, Spans, Tree, body, header, line, request, status

if TYPE_CHECKING:
    from lying_proxy import Exchange

    from scaffold.conformance.otlp import Span

ON = "own"
_PRODUCTS, _PRODUCT, _ORDERS, _ORDER = "/v1/products", "/v1/products/.+", "/v1/orders", "/v1/orders/.+"


def _drop(members: dict[str, Any], name: str) -> None:
    del members[name]


def _ignore_filter(exchange: Exchange) -> None:
    exchange.request.start = exchange.request.start.replace("min_price=", "any_price=")


def _refuse_the_highest(exchange: Exchange) -> None:
    """The end of a range is beyond it."""
    if exchange.reply is not None and re.search(rb'"price_cents": *99999999999\b', exchange.request.body):
        exchange.become(422)
        fault = {"pointer": "#/price_cents", "code": "too_large"}
        exchange.reply.body = json.dumps({"errors": [fault]}).encode()


def _take_small_letters(exchange: Exchange) -> None:
    exchange.request.body = re.sub(rb'("sku": *)("[^"]*")', lambda s: s[1] + s[2].upper(), exchange.request.body)


def _take_capitals_in_paths(exchange: Exchange) -> None:
    exchange.request.start = re.sub(r"(?<=/v1/)[^ ?]+", lambda found: found[0].lower(), exchange.request.start)


def _sort_one_way(exchange: Exchange) -> None:
    if "sort=" not in exchange.target and exchange.path == _ORDERS and exchange.method == "GET":
        exchange.request.start = re.sub(
            r"/v1/orders\??", "/v1/orders?sort=created_at&", exchange.request.start, count=1
        )


def _sort_equal_rows_by_id(page: Any) -> None:
    """Upwards, whatever the direction is."""
    page["items"].sort(key=lambda item: item["id"])
    page["items"].sort(key=lambda item: item["created_at"], reverse=True)


def _take_any_cursor(exchange: Exchange) -> None:
    """One that a list has once given is taken by each."""
    known = exchange.memory.setdefault("cursors", set())
    if exchange.is_("GET", "/v1/api-keys", 200):
        known.add(exchange.json["next_cursor"])
    if exchange.reply is None and any(f"cursor={cursor}" in exchange.target for cursor in known):
        exchange.request.start = re.sub(r"cursor=[\w-]+", "other=", exchange.request.start)


def _drop_statements(span: Span) -> Span | None:
    return None if span.is_database else span


OWN: tuple[Falsification, ...] = tuple(
    Falsification(check, name, lie, on=ON)
    for check, name, lie in (
        ("OWN01", "an operation that does not say who may call it", body("GET", "/openapi.json", 200, lambda d: _drop(d["paths"][_PRODUCTS]["get"], "security"))),
        ("OWN01", "an operation that cannot be limited", body("GET", "/openapi.json", 200, lambda d: _drop(d["paths"][_ORDERS]["post"]["responses"], "429"))),
        ("OWN02", "a user may change the catalogue", status("POST", _PRODUCTS, 403, 422)),
        ("OWN02", "nobody may see orders", status("GET", _ORDERS, 401, 200)),
        ("OWN02", "a user may not place orders", status("POST", _ORDERS, 422, 403)),
        ("OWN03", "405 without Allow", header("Allow", None, path=_PRODUCTS, when=405)),
        ("OWN03", "HEAD is not there", status("HEAD", _PRODUCTS, 200, 404)),
        ("OWN04", "any type is read", status("POST", _PRODUCTS, 415, 422)),
        ("OWN04", "an unknown field is taken", body("POST", _PRODUCTS, 422, lambda d: d.update(errors=[e for e in d["errors"] if e["code"] != "unknown_field"] or [{"pointer": "#", "code": "required"}]))),
        ("OWN05", "no rate limit", header("RateLimit", None, path=_ORDERS)),
        ("OWN05", "no policy for content", header("Content-Security-Policy", None, path=_PRODUCTS)),
        ("OWN05", "anybody may keep what a guarded operation answers", header("Cache-Control", "public", path=_ORDERS)),
        ("OWN06", "an operation that is not there", status("DELETE", _PRODUCT, 404, 405)),
        ("OWN06", "a member that is not documented", body("GET", _PRODUCTS, 200, lambda d: d.update(total=1))),
        ("OWN08", "a route that nobody documents", Tree("shop/orders/urls.py", lambda text: text.replace("urlpatterns = [", 'urlpatterns = [\n    path("v1/secret", views.OrderListApi.as_view()),'))),
        ("OWN07", "an operation without a limit", status("GET", _ORDERS, 429, 200)),
        ("OWN18", "a refusal that is not documented", body("GET", "/openapi.json", 200, lambda d: _drop(d["paths"]["/v1/products/{id}"]["delete"]["responses"], "412"))),
        ("OWN10", "a Location that leads elsewhere", header("Location", "/v1/me", path=_PRODUCTS, when=201)),
        ("OWN10", "a member that is not documented", body("POST", _PRODUCTS, 201, lambda d: d.update(secret=1))),
        ("OWN10", "another price than was sent", body("POST", _PRODUCTS, 201, lambda d: d.update(price_cents=d["price_cents"] + 1))),
        ("OWN10", "the highest price is too high", Reply(_refuse_the_highest)),
        ("OWN10", "a new row may be kept by anybody", header("Cache-Control", "public", path=_ORDERS, when=201)),
        ("OWN11", "a fault in an entry of a list under another code", body("POST", _ORDERS, 422, lambda d: [each.update(code="lie") for each in d["errors"] if "quantity" in each["pointer"]] and None)),
        ("OWN11", "small letters are as good as capitals", request(_take_small_letters)),
        ("OWN11", "another code", body("POST", _PRODUCTS, 422, lambda d: d["errors"][0].update(code="invalid_value"))),
        ("OWN11", "the first fault alone", body("POST", _PRODUCTS, 422, lambda d: d.update(errors=d["errors"][:1]))),
        ("OWN12", "a malformed id is a bad request", status("GET", f"{_PRODUCTS}/nothing", 404, 400)),
        ("OWN12", "an id in capitals is the same id", request(_take_capitals_in_paths)),
        ("OWN13", "somebody else's order is cancelled", status("POST", "/v1/orders/.+/cancel", 404, 200)),
        ("OWN13", "somebody else's order is forbidden", status("GET", _ORDER, 404, 403)),
        ("OWN14", "a change of more than was asked for", body("PATCH", _PRODUCT, 200, lambda d: d.update(currency="XXX"))),
        ("OWN14", "a change leaves the time of the last one", body("PATCH", _PRODUCT, 200, lambda d: d.update(updated_at=d["created_at"]))),
        ("OWN14", "a change leaves the version", body("PATCH", _PRODUCT, 200, lambda d: d.update(version=1))),
        ("OWN14", "the list shows another row", body("GET", _PRODUCTS, 200, lambda d: [item.update(stock=-1) for item in d["items"]] and None)),
        ("OWN19", "null is taken", status("PATCH", _PRODUCT, 422, 200)),
        ("OWN19", "the highest price is too high", Reply(_refuse_the_highest)),
        ("OWN15", "a removal with a reply", status("DELETE", _PRODUCT, 204, 200)),
        ("OWN15", "removing twice works twice", status("DELETE", _PRODUCT, 404, 204)),
        ("OWN16", "a second one of a number", status("POST", _PRODUCTS, 409, 201)),
        ("OWN17", "an unknown reference is malformed", body("POST", _ORDERS, 422, lambda d: d["errors"][0].update(code="invalid_format"))),
        ("OWN17", "an unknown reference is an error of the service", status("POST", _ORDERS, 422, 500)),
        ("OWN18", "an old version is a conflict", status("PATCH", _PRODUCT, 412, 409)),
        ("OWN18", "a current tag gets the whole", status("GET", _PRODUCT, 304, 200)),
        ("OWN25", "the same tag for ever", header("ETag", '"1"', path=_PRODUCT, when=200)),
        ("OWN25", "who reads the old version is told that it is current", status("GET", _PRODUCT, 200, 304)),
        ("OWN20", "another order than the document's, where none is asked for", request(_sort_one_way)),
        ("OWN20", "equal rows come in one order whatever the direction is", body("GET", _ORDERS, 200, _sort_equal_rows_by_id)),
        ("OWN20", "a row looks different in the list", body("GET", _PRODUCTS, 200, lambda d: [item.update(stock=-1) for item in d["items"]] and None)),
        ("OWN20", "a page loses its last row", body("GET", _PRODUCTS, 200, lambda d: d.update(items=d["items"][:-1]))),
        ("OWN20", "any order is taken", status("GET", _ORDERS, 422, 200)),
        ("OWN21", "no next page", body("GET", _ORDERS, 200, lambda d: d.update(next_cursor=None))),
        ("OWN21", "a limit of nothing is taken", status("GET", _PRODUCTS, 422, 400)),
        ("OWN21", "a cursor of another list", Reply(_take_any_cursor)),
        ("OWN21", "a link that leads elsewhere", header("Link", '</v1/orders?limit=1>; rel="next"', path=_ORDERS)),
        ("OWN22", "a filter takes what is no number", status("GET", _PRODUCTS, 422, 200)),
        ("OWN22", "a filter that is ignored", request(_ignore_filter)),
        ("OWN23", "no statements in the trace", Spans(_drop_statements)),
        ("OWN24", "the raw path in the log", line(lambda entry: entry.update({"http.route": entry.get("url.path")}) if "http.route" in entry else None)),
    )
)  # fmt: skip
