"""Lists of the service's own: pages without loss in each order, filters that narrow, the same cost however long."""

from __future__ import annotations

import contextlib
import re
import secrets
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

from scaffold.conformance import callers, expect
from scaffold.conformance.checks import pagination
from scaffold.conformance.checks.n_plus_one import Counted
from scaffold.conformance.database import DRIVER_ERRORS
from scaffold.conformance.own import values
from scaffold.conformance.own.proofs import label
from scaffold.conformance.own.rows import Rows
from scaffold.conformance.own.values import NotProvableError
from scaffold.conformance.registry import check

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from scaffold.conformance.accounts import Account
    from scaffold.conformance.client import Api
    from scaffold.conformance.database import Database
    from scaffold.conformance.exchange import Reply
    from scaffold.conformance.fixtures import Spawn
    from scaffold.conformance.openapi import Operation
    from scaffold.conformance.otlp import TraceReceiver
    from scaffold.conformance.own.document import OwnDocument, Resource
    from scaffold.conformance.own.proofs import Proofs
    from scaffold.conformance.own.rows import Row

_NEEDS = {"settings", "admin", "unlimited"}
_ROWS, _PAGE = 7, 2
_LAST_PAGE = 500
_SERVER = 2


def _listed(resource: Resource) -> str:
    return label(resource.list or resource.create)


def _kind(values: Iterable[object]) -> pagination.Kind | None:
    """What a list is sorted by, where every database orders values of its kind alike, as it does not with texts."""
    found = list(values)
    if all(isinstance(value, int) and not isinstance(value, bool) for value in found):
        return "integer"
    return "time" if all(expect.TIMESTAMP.fullmatch(str(value)) for value in found) else None


def _lists(own: OwnDocument) -> list[Resource]:
    return [resource for resource in own.own_resources if resource.list]


def _several(rows: Rows, resource: Resource, count: int = _ROWS) -> list[Row]:
    """Rows of one owner."""
    first = rows.new(resource)
    return [first, *(rows.new(resource, first.by) for _ in range(count - 1))]


def _pages(api: Api, path: str, parameters: Mapping[str, object]) -> Iterator[Reply]:
    """A list, page by page, by its cursor."""
    asked = dict(parameters)
    for _ in range(_LAST_PAGE):
        reply = expect.status(api.get(path, params={name: str(value) for name, value in asked.items()}), 200)
        yield reply
        cursor = reply.json()["next_cursor"]
        if cursor is None:
            return
        asked["cursor"] = cursor
    expect.fail(f"{path} does not come to an end")


def _tied(database: Database, rows: Rows, resource: Resource, columns: Iterable[str]) -> list[Row]:
    """Rows of one owner, some of which are equal in columns of these names, as far as the table lets them."""
    made = _several(rows, resource, _ROWS - 1)
    places = [database.place(row.body["id"]) for row in made[1:-1]]
    for column in columns:
        with contextlib.suppress(*DRIVER_ERRORS):
            (table, first), *others = (place for place in places if place)
            value = database.one(f"SELECT {column} AS value FROM {table} WHERE id = %s", first)["value"]  # noqa: S608 - names from the catalogue
            for _, other in others:
                database.execute(f"UPDATE {table} SET {column} = %s WHERE id = %s", value, other)  # noqa: S608 - as above
    # The service knows of this one, so that it forgets what it may have kept of the list.
    return [*made, rows.new(resource, made[0].by)]


def _items(api: Api, path: str, parameters: Mapping[str, object]) -> list[dict[str, Any]]:
    return [item for reply in _pages(api, path, parameters) for item in reply.json()["items"]]


@check(
    "OWN20",
    "An own list pages through every row once, in each order that it names, and refuses others.",
    source="contract §12, §1; AIP-158",
    needs=_NEEDS | {"sql"},
    shares="own",
)
def check_sorts(own: OwnDocument, proofs: Proofs, rows: Rows, database: Database) -> None:
    def trial(resource: Resource) -> None:
        assert resource.list is not None
        sorts = own.sorts(resource.list)
        made = _tied(database, rows, resource, dict.fromkeys(sort.lstrip("-") for sort in sorts))
        api, path = made[0].by.api, rows.target(resource.list, made[0].by)
        ids = {row.body["id"] for row in made}
        for sort in sorts or [""]:
            given = {"sort": sort} if sort else {}
            items = _items(api, path, given | {"limit": _PAGE})
            seen = [item["id"] for item in items]
            expect.same(f"rows of sort={sort} that come twice", len(seen) - len(set(seen)), 0)
            expect.that(ids <= set(seen), f"sort={sort} loses {len(ids - set(seen))} of {len(ids)} rows")
            expect.same(
                f"the order of sort={sort} in pages of {_PAGE}",
                seen,
                [item["id"] for item in _items(api, path, given | {"limit": 100})],
            )
            key = sort.lstrip("-")
            if all(key in item for item in items) and _kind(item[key] for item in items):
                # The id breaks ties, in the direction of the sort.
                keys: list[Any] = [(item[key], item["id"]) for item in items]
                expect.same(f"{key} and id in the order of {sort}", keys, sorted(keys, reverse=sort.startswith("-")))
            if sort and f"-{sort}" in sorts:
                other = [item["id"] for item in _items(api, path, {"sort": f"-{sort}", "limit": 100})]
                expect.same(f"-{sort} backwards", other[::-1], seen)
        if resource.read is not None:
            for row, item in ((row, item) for row in made for item in items if item["id"] == row.body["id"]):
                read = expect.status(api.get(row.path), 200)
                expect.same("the row in the list", item, read.json(), read)
        if sorts:
            default = own.parameters(resource.list, "query")["sort"]["schema"].get("default")
            if default is not None:
                by_default, asked = (_items(api, path, given) for given in ({}, {"sort": default}))
                expect.same(f"the default order, {default}", by_default, asked)
            expect.faults(api.get(path, params={"sort": "no_such_field"}), ("sort", "invalid_value"))
            hidden = [name for name in made[0].body if not {name, f"-{name}"} & set(sorts)]
            for name in hidden:
                expect.faults(api.get(path, params={"sort": name}), ("sort", "invalid_value"))

    proofs.each(_lists(own), _listed, trial)


@check(
    "OWN21",
    "An own list keeps the limits of all lists, and takes no cursor that is not its own.",
    source="contract §12, §1, §11.7, §11.26",
    needs=_NEEDS,
    shares="own",
)
def check_paging(own: OwnDocument, proofs: Proofs, rows: Rows) -> None:
    def trial(resource: Resource) -> None:
        assert resource.list is not None
        made = _several(rows, resource, 3)
        api, path = made[0].by.api, rows.target(resource.list, made[0].by)
        for query, code in (("0", "too_small"), ("101", "too_large"), ("x", "wrong_type"), ("", "wrong_type")):
            expect.faults(api.get(path, params={"limit": query}), ("limit", code))
        page = expect.status(api.get(path, params={"limit": 1}), 200)
        expect.same("differences from the document", own.served.faults(page), [], page)
        expect.same("items", len(page.json()["items"]), 1, page)
        cursor = page.json()["next_cursor"]
        expect.that(cursor, "there is more than one row, so there is a next page", page)
        changed = {cursor[:n] + ("A" if cursor[n] != "A" else "B") + cursor[n + 1 :] for n in range(0, len(cursor), 9)}
        for wrong in ("x", cursor[:-2], cursor + "A", "W10", *changed, _foreign_cursor(rows, made[0].by)):
            expect.faults(api.get(path, params={"cursor": wrong}), ("cursor", "invalid_cursor"))
        kinds: dict[str, pagination.Kind] = {}
        for sort in own.sorts(resource.list):
            first = expect.status(api.get(path, params={"limit": 1, "sort": sort}), 200)
            other = first.json()["next_cursor"]
            link = re.search(r'<([^>]*)>; *rel="next"', first.headers.get("link", ""))
            expect.that(link, "there is no Link to the next page", first)
            assert link is not None
            followed = expect.status(api.get(link[1]), 200).json()
            asked = {"limit": 1, "sort": sort, "cursor": other}
            expect.same(f"the page that {link[1]} leads to", followed, api.get(path, params=asked).json(), first)
            kind = _kind(item.get(sort.lstrip("-")) for item in first.json()["items"])
            if kind is not None:
                kinds[sort] = kind
            for against in own.sorts(resource.list):
                if against != sort:
                    expect.faults(
                        api.get(path, params={"cursor": other, "sort": against}), ("cursor", "invalid_cursor")
                    )
        pagination.refuses_cursors(api, path, kinds)
        for name in own.filters(resource.list):
            try:
                _, value, _ = _fitting(resource, name, _items(api, path, {"limit": 100}))
            except NotProvableError:
                continue
            asked = {"limit": 1, "cursor": cursor, name: _text(value)}
            expect.faults(api.get(path, params=asked), ("cursor", "invalid_cursor"))

    proofs.each(_lists(own), _listed, trial)


def _foreign_cursor(rows: Rows, by: Account) -> str:
    """A cursor of another list."""
    for _ in range(2):
        rows.people.key(by)
    page = expect.status(by.api.get("/v1/api-keys", params={"limit": 1}), 200)
    return str(page.json()["next_cursor"])


def _fitting(
    resource: Resource, name: str, items: list[dict[str, Any]]
) -> tuple[str, Any, Callable[[Mapping[str, Any]], bool]]:
    """The member of a row that a filter is about, a value for it, and which rows fit that.

    Raises:
        NotProvableError: The filter's name does not tell.
    """
    bound, _, rest = name.partition("_")
    prefixed = bound in {"min", "max", "from", "to"} and name not in items[0]
    wanted = rest if prefixed else name
    key = next((each for each in items[0] if each == wanted or (each.startswith(f"{rest}_") and prefixed)), None)
    if key is None:
        raise NotProvableError(f"the filter {name} is named after no member of a row")
    values = sorted({item[key] for item in items if item[key] is not None}, key=str)
    if not values:
        raise NotProvableError(f"no row has a value for the filter {name}")
    value = values[len(values) // 2]

    def fits(item: Mapping[str, Any]) -> bool:
        match bound if prefixed else "":
            case "min" | "from":
                return bool(item[key] is not None and item[key] >= value)
            case "max" | "to":
                return bool(item[key] is not None and item[key] <= value)
        return bool(item[key] == value)

    return key, value, fits


def _text(value: object) -> str:
    """A value as a query writes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


@check(
    "OWN22",
    "Each filter of an own list narrows it to the rows that fit.",
    source="contract §12",
    needs=_NEEDS,
    shares="own",
)
def check_filters(own: OwnDocument, proofs: Proofs, rows: Rows) -> None:
    def trial(pair: tuple[Resource, str]) -> None:
        resource, name = pair
        assert resource.list is not None
        made = _several(rows, resource, 4)
        api, path = made[0].by.api, rows.target(resource.list, made[0].by)
        whole = _items(api, path, {"limit": 100})
        key, value, fits = _fitting(resource, name, whole)
        text = _text(value)
        got = [item["id"] for item in _items(api, path, {name: text, "limit": _PAGE})]
        expect.same(f"rows of {name}={text}", sorted(got), sorted(item["id"] for item in whole if fits(item)))
        schema = own.served.resolve(own.filters(resource.list)[name].get("schema", {}))
        for other in schema.get("enum", []):
            if other != value:
                got = [item["id"] for item in _items(api, path, {name: other, "limit": 100})]
                expect.same(
                    f"rows of {name}={other}", sorted(got), sorted(item["id"] for item in whole if item[key] == other)
                )
        for wrong, code in values.wrong(own, schema):
            # In a query all are texts, and what is no number is of the wrong type.
            if isinstance(wrong, str) and (schema.get("type") != "integer" or code == "wrong_type"):
                reply = api.get(path, params={name: "x" if schema.get("type") == "integer" else wrong})
                expect.faults(reply, (name, code))

    pairs = [(resource, name) for resource in _lists(own) if resource.list for name in own.filters(resource.list)]
    proofs.each(pairs, lambda pair: _listed(pair[0]), trial)


@pytest.fixture(scope="module")
def counted_own(spawn_shared: Spawn, otlp: TraceReceiver) -> Callable[[], Counted]:
    """Starts a traced service when the first check has something to count."""
    return cache(lambda: Counted(spawn_shared, otlp))


@check(
    "OWN23",
    "An own list costs the same number of statements, however long.",
    source="contract §12; OWASP API4:2023",
    needs=_NEEDS | {"otlp"},
    shares="own",
)
def check_statements(own: OwnDocument, proofs: Proofs, counted_own: Callable[[], Counted]) -> None:
    def trial(resource: Resource) -> None:
        assert resource.list is not None
        counted = counted_own()
        rows = Rows(own, counted.people)
        made = _several(rows, resource, 12)
        api, path = made[0].by.api, rows.target(resource.list, made[0].by)
        counted.statements(api, f"{path}?limit=1")
        few, many = (counted.statements(api, f"{path}?limit={limit}") for limit in (3, 12))
        expect.that(
            len(few) == len(many) > 0,
            f"limit=3 costs {len(few)} statements, limit=12 costs {len(many)}:\n" + "\n".join(many[:30]),
        )

    proofs.each(_lists(own), _listed, trial)


@check(
    "OWN24",
    "Each own operation is logged, measured and traced under the template of its path.",
    source="contract §12, §4",
    needs=_NEEDS | {"otlp", "logs", "metrics_token"},
    shares="own",
)
def check_observed(own: OwnDocument, proofs: Proofs, counted_own: Callable[[], Counted], otlp: TraceReceiver) -> None:
    def trial(operation: Operation) -> None:
        counted, trace = counted_own(), secrets.token_hex(16)
        service = counted.service
        api = counted.people.admin.api.with_headers(traceparent=f"00-{trace}-{secrets.token_hex(8)}-01")
        reply = callers.attempt(api, operation)
        line = service.logs.access(reply.request_id)
        expect.same("http.route of the log line", line.get("http.route"), operation.path, reply)
        expect.same("status of the log line", line.get("http.response.status_code"), reply.status, reply)
        routes = [span.attributes.get("http.route") for span in otlp.trace(trace) if span.kind == _SERVER]
        expect.same("http.route of the span", routes, [operation.path], reply)
        headers = {"Authorization": f"Bearer {service.metrics_token}"}
        metrics = service.api().get("/metrics", headers=headers)
        expect.that(f'http_route="{operation.path}"' in metrics.text, "no metric has the route", reply)
        raw = operation.path.partition("{")[0] + reply.path.removeprefix(operation.path.partition("{")[0])
        expect.that(
            "{" not in operation.path or f'http_route="{raw}"' not in metrics.text, "a metric has the raw path", reply
        )

    proofs.each(own.operations, label, trial)
