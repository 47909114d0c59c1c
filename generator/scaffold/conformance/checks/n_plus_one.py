"""N+1 queries: a page of fifty costs as many statements as a page of five, counted in the trace."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import pytest

from scaffold.conformance import expect
from scaffold.conformance.accounts import Account, People, Shop
from scaffold.conformance.checks.traces import FAST_EXPORT
from scaffold.conformance.registry import check

if TYPE_CHECKING:
    from scaffold.conformance.client import Api
    from scaffold.conformance.fixtures import Spawn
    from scaffold.conformance.otlp import Span, TraceReceiver
    from scaffold.conformance.service import Service

_NEEDS = {"settings", "otlp", "admin"}
_FEW, _MANY = 5, 50
_NO_QUERIES = ("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE", "SET", "START", "PRAGMA", "CONNECT")


def _is_query(span: Span) -> bool:
    text = str(span.attributes.get("db.query.text") or span.attributes.get("db.statement") or span.name)
    return span.is_database and not text.lstrip().upper().startswith(_NO_QUERIES)


class Counted:
    """A traced service with enough rows to tell N+1 from a join."""

    def __init__(self, spawn: Spawn, otlp: TraceReceiver) -> None:
        self._otlp = otlp
        self.service: Service = spawn(OTEL_EXPORTER_OTLP_ENDPOINT=otlp.endpoint, environment=FAST_EXPORT)
        self.people: People = spawn.people(self.service)
        self.user: Account = self.people.new()

    def statements(self, api: Api, path: str) -> list[str]:
        """The statements that one GET costs."""
        trace, parent = secrets.token_hex(16), secrets.token_hex(8)
        reply = api.get(path, headers={"traceparent": f"00-{trace}-{parent}-01"})
        expect.status(reply, 200)
        spans = self._otlp.trace(trace)
        expect.that(any(span.kind == 2 for span in spans), "expected the request's trace", reply)
        return [str(span.attributes.get("db.query.text", span.name)) for span in spans if _is_query(span)]

    def expect_constant(self, api: Api, path: str) -> None:
        """Expect pages of five and of fifty to cost the same."""
        # A first request may fill caches of the driver's; it is not measured.
        self.statements(api, f"{path}?limit=1")
        few, many = (self.statements(api, f"{path}?limit={limit}") for limit in (_FEW, _MANY))
        items = expect.status(api.get(f"{path}?limit={_MANY}"), 200).json()["items"]
        expect.same(f"items of {path}?limit={_MANY}", len(items), _MANY)
        expect.that(
            len(few) == len(many) > 0,
            f"limit={_FEW} costs {len(few)} statements, limit={_MANY} costs {len(many)}:\n" + "\n".join(many[:30]),
        )


@pytest.fixture(scope="module")
def counted(spawn_shared: Spawn, otlp: TraceReceiver) -> Counted:
    """A traced service; each check adds the rows it reads."""
    return Counted(spawn_shared, otlp)


@pytest.fixture(scope="module")
def shopping(counted: Counted) -> Shop:
    """Fifty orders of three lines each."""
    shop = Shop(counted.people)
    products = [shop.product(stock=1000) for _ in range(_MANY)]
    for number in range(_MANY):
        shop.order(counted.user, *((products[(number + step) % _MANY], 1) for step in range(3)))
    return shop


@check(
    "NPO05",
    "A list of orders with their lines costs the same number of statements, however long.",
    source="contract 2, 8; OWASP API4:2023",
    needs=_NEEDS,
    part="sample",
)
def check_orders(counted: Counted, shopping: Shop) -> None:
    counted.expect_constant(counted.user.api, "/v1/orders")


@check(
    "NPO01",
    "An administrator's list of everybody's orders costs the same, however long.",
    source="contract 2, 8",
    needs=_NEEDS,
    part="sample",
)
def check_everybodys_orders(counted: Counted, shopping: Shop) -> None:
    counted.expect_constant(counted.people.admin.api, "/v1/orders")


@check(
    "NPO02",
    "A list of products costs the same, however long, and a cached one costs nothing.",
    source="contract 8, 11.10",
    needs=_NEEDS,
    part="sample",
)
def check_products(counted: Counted, shopping: Shop) -> None:
    api = counted.service.api()
    # Each page is asked for the first time: what the cache saves is the second half of this check.
    few, many = (counted.statements(api, f"/v1/products?limit={limit}") for limit in (_FEW, _MANY))
    expect.that(
        len(few) == len(many) > 0, f"limit={_FEW} costs {len(few)} statements, limit={_MANY} costs {len(many)}: {many}"
    )
    path = f"/v1/products?limit={_MANY}"
    expect.same("statements of a cached page", counted.statements(api, path), [])


@check("NPO03", "A list of API keys costs the same, however long.", source="contract 8", needs=_NEEDS)
def check_api_keys(counted: Counted) -> None:
    for _ in range(_MANY):
        counted.people.key(counted.user)
    counted.expect_constant(counted.user.api, "/v1/api-keys")


@check(
    "NPO04",
    "The spans are honest: the database's own statistics count as many statements.",
    source="contract 8",
    needs=_NEEDS | {"sql"},
    databases={"postgresql", "mysql"},
)
def check_spans_are_honest(counted: Counted) -> None:
    database = counted.service.database
    for _ in range(60):
        counted.people.key(counted.user)
    path = f"/v1/api-keys?limit={_MANY}"
    counted.statements(counted.user.api, path)
    for _ in range(3):
        before = database.statements()
        spans = counted.statements(counted.user.api, path)
        after = database.statements()
        expect.same("statements by the database's count, and by spans", after - before, len(spans))


@check(
    "NPO06",
    "Who a caller is costs one statement with a token, and two with a key that was used a moment ago.",
    source="contract 3, 8",
    needs=_NEEDS,
)
def check_cost_of_credentials(spawn: Spawn, otlp: TraceReceiver) -> None:
    counted = Counted(spawn, otlp)
    key = counted.service.api().with_key(counted.people.key(counted.user)["key"])
    for caller, most in ((counted.user.api, 1), (key, 2)):
        expect.status(caller.get("/v1/me"), 200)
        statements = counted.statements(caller, "/v1/me")
        expect.that(0 < len(statements) <= most, f"expected at most {most} statements, got {statements}")
