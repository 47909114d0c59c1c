"""Metrics: Prometheus families with OpenTelemetry's names, counts that are exact, and labels that stay few."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

import pytest
from prometheus_client.parser import text_string_to_metric_families

from scaffold.conformance import contract, expect
from scaffold.conformance.network import wait_until
from scaffold.conformance.registry import check

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from prometheus_client import Metric

    from scaffold.conformance.accounts import People, Shop
    from scaffold.conformance.client import Api
    from scaffold.conformance.database import Database
    from scaffold.conformance.exchange import Reply
    from scaffold.conformance.fixtures import Spawn
    from scaffold.conformance.service import Service

_NEEDS = {"metrics_token"}
_COUNT = "http_server_request_duration_seconds_count"


def _scrape(service: Service) -> Reply:
    api = service.api().with_token(service.metrics_token or "")
    return expect.status(api.get("/metrics"), 200)


def _families(service: Service) -> dict[str, Metric]:
    reply = _scrape(service)
    try:
        return {family.name: family for family in text_string_to_metric_families(reply.text)}
    except ValueError as error:
        expect.fail(f"not Prometheus' text format: {error}", reply)


def _samples(service: Service) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in _families(service).values()
        for sample in family.samples
    }


class _Counted:
    """How far samples move during a block of requests."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._before = _samples(service)

    def moved(self, name: str, **labels: str) -> float:
        """By how much a sample has grown; absent counts as nought."""
        key = (name, frozenset(labels.items()))
        return _samples(self._service).get(key, 0.0) - self._before.get(key, 0.0)

    def expect(self, name: str, by: float, **labels: str) -> None:
        """Expect a growth; the service may count just after it has answered."""
        wait_until(lambda: self.moved(name, **labels) >= by, 2.0, step=0.1)
        expect.same(f"growth of {name}{labels}", self.moved(name, **labels), by)


@check(
    "MET01",
    "`/metrics` is Prometheus' text with every family of the contract: name, type, labels and buckets.",
    source="OpenTelemetry semantic conventions; contract 4, 11.19",
    needs=_NEEDS,
)
def check_families(service: Service, people: People, answers: Mapping[str, object]) -> None:
    people.new()
    reply = _scrape(service)
    expect.same("media type", reply.media_type, "text/plain", reply)
    families = _families(service)
    for metric in contract.metrics(answers).values():
        # The parser drops a counter's suffix, as OpenMetrics does.
        family = families.get(metric.name) or families.get(metric.name.removesuffix("_total"))
        expect.that(family is not None, f"the family {metric.name} is missing", reply)
        assert family is not None
        expect.same(f"type of {metric.name}", family.type, metric.type)
        labels = {
            frozenset(sample.labels) - {"le"} for sample in family.samples if not sample.name.endswith("_created")
        }
        expect.that(
            labels <= {frozenset(metric.labels)},
            f"labels of {metric.name}: expected {metric.labels}, got {labels}",
            reply,
        )
        for label, values in metric.values.items():
            # A counter that starts at nought lets alerts see its first step.
            seen = {sample.labels[label] for sample in family.samples if label in sample.labels}
            expect.same(f"values of {label} of {metric.name}", seen, set(values), reply)
        if metric.buckets:
            bounds = {float(sample.labels["le"]) for sample in family.samples if sample.name.endswith("_bucket")}
            expect.same(f"buckets of {metric.name}", sorted(bounds), [*metric.buckets, math.inf], reply)


@check(
    "MET02",
    "Without the metrics token: 401, with the challenge that fits, and nothing of the metrics.",
    source="ASVS 13.4.5; contract 2",
    needs=_NEEDS,
)
@pytest.mark.parametrize("credential", ["none", "wrong", "prefix", "longer", "other case", "basic", "API key", "query"])
def check_token(service: Service, api: Api, credential: str) -> None:
    token = service.metrics_token or ""
    headers = {
        "none": {},
        "wrong": {"Authorization": "Bearer canary-wrong-token"},
        "prefix": {"Authorization": f"Bearer {token[:-1]}"},
        "longer": {"Authorization": f"Bearer {token}x"},
        "other case": {"Authorization": f"Bearer {token.swapcase()}"},
        "query": {},
        "basic": {"Authorization": f"Basic {token}"},
        "API key": {"X-API-Key": token},
    }[credential]
    reply = api.get(f"/metrics?access_token={token}" if credential == "query" else "/metrics", headers=headers)
    if "Bearer" in headers.get("Authorization", ""):
        expect.problem(reply, 401, "invalid-token")
        expect.challenge(reply, "invalid_token")
    else:
        expect.problem(reply, 401)
        expect.challenge(reply)
    expect.that("http_server_request" not in reply.text, "metrics without the token", reply)


@check(
    "MET03",
    "Every request is counted exactly once, under its route's template.",
    source="OpenTelemetry HTTP conventions; contract 4",
    needs=_NEEDS,
)
def check_exact_counts(service: Service, people: People, api: Api) -> None:
    user = people.new()
    keys = [people.key(user)["id"] for _ in range(2)]
    counted = _Counted(service)
    for _ in range(3):
        expect.status(user.api.get("/v1/me"), 200)
    for key in keys:
        expect.status(user.api.get(f"/v1/api-keys/{key}"), 200)
    expect.status(user.api.get("/v1/api-keys/unknown"), 404)
    expect.status(api.get("/v1/me"), 401)
    expect.status(api.get("/livez"), 200)
    for method, route, status, by in (
        ("GET", "/v1/me", "200", 3),
        ("GET", "/v1/api-keys/{id}", "200", 2),
        ("GET", "/v1/api-keys/{id}", "404", 1),
        ("GET", "/v1/me", "401", 1),
        ("GET", "/livez", "200", 1),
    ):
        counted.expect(_COUNT, by, http_request_method=method, http_route=route, http_response_status_code=status)


@check(
    "MET04",
    "What matches no route is counted under the empty one, unknown methods under `_OTHER`: no label comes from a client.",
    source="OpenTelemetry HTTP conventions (cardinality); CWE-400; contract 11.19",
    needs=_NEEDS | {"raw"},
)
def check_cardinality(service: Service, api: Api) -> None:
    counted = _Counted(service)
    for number in range(3):
        expect.status(api.get(f"/canary-{number}/{number}"), 404)
    expect.status(api.request("PUT", "/v1/me"), 405)
    with service.raw() as connection:
        connection.request("CANARY", "/v1/me", {"Connection": "close"})
        odd = connection.reply()
    counted.expect(_COUNT, 3, http_request_method="GET", http_route="", http_response_status_code="404")
    counted.expect(_COUNT, 1, http_request_method="PUT", http_route="", http_response_status_code="405")
    if odd.request_id:
        counted.expect(
            _COUNT, 1, http_request_method="_OTHER", http_route="", http_response_status_code=str(odd.status)
        )
    expect.that("canary" not in _scrape(service).text.lower(), "a client's text stands in the metrics")


@check(
    "MET05",
    "The histogram adds up: buckets grow, the last is the count, the sum is the time spent.",
    source="Prometheus exposition formats",
    needs=_NEEDS,
)
def check_histogram(service: Service, people: People) -> None:
    user = people.new()
    labels = {"http_request_method": "GET", "http_route": "/v1/me", "http_response_status_code": "200"}
    name = "http_server_request_duration_seconds"
    counted = _Counted(service)
    replies = [expect.status(user.api.get("/v1/me"), 200) for _ in range(10)]
    counted.expect(_COUNT, 10, **labels)
    expect.duration(counted.moved(f"{name}_sum", **labels), sum(reply.seconds for reply in replies))
    samples = [
        (float(dict(key)["le"]), value)
        for (sample, key), value in _samples(service).items()
        if sample == f"{name}_bucket" and {k: v for k, v in key if k != "le"} == labels
    ]
    values = [value for _, value in sorted(samples)]
    expect.same("buckets in order", values, sorted(values))
    expect.same("last bucket", values[-1], _samples(service)[(_COUNT, frozenset(labels.items()))])


@check("MET06", "Logins are counted by their outcome.", source="contract 11.19", needs=_NEEDS | {"settings"})
def check_logins(spawn: Spawn) -> None:
    service = spawn(RATE_LIMIT_LOGIN="2/60")
    people, api = spawn.people(service), service.api()
    user = people.new()
    counted = _Counted(service)
    for password in (user.password, "canary-wrong-password", "canary-wrong-password", user.password, user.password):
        api.post("/v1/auth/login", {"email": user.email, "password": password})
    for outcome, by in (("success", 1), ("failure", 2), ("throttled", 2)):
        counted.expect("auth_login_total", by, outcome=outcome)
    counted.expect("rate_limit_rejections_total", 2, policy="login")


@check(
    "MET07",
    "Refusals of the default limit are counted, and still counted as requests.",
    source="contract 4, 11.19",
    needs=_NEEDS | {"settings"},
)
def check_rejections(spawn: Spawn) -> None:
    service = spawn(RATE_LIMIT_DEFAULT="3/60")
    api = service.api()
    counted = _Counted(service)
    statuses = [api.get("/v1/me").status for _ in range(5)]
    expect.same("statuses", statuses, [401, 401, 401, 429, 429])
    counted.expect("rate_limit_rejections_total", 2, policy="default")
    counted.expect(_COUNT, 2, http_request_method="GET", http_route="/v1/me", http_response_status_code="429")


@check(
    "MET08",
    "Active requests and used connections are counted while a request is held, and not after.",
    source="OpenTelemetry semantic conventions; contract 4",
    needs=_NEEDS | {"settings", "sql"},
)
def check_gauges(service: Service, people: People, database: Database) -> None:
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - beside its only use

    user = people.new()

    def gauge(name: str, **labels: str) -> float:
        return _samples(service).get((name, frozenset(labels.items())), 0.0)

    with ThreadPoolExecutor(1) as pool, database.hold("users", database.raw_id(user.id)):
        future = pool.submit(user.api.patch, "/v1/me", {"display_name": "Held"})
        time.sleep(0.4)
        expect.same("active PATCH requests", gauge("http_server_active_requests", http_request_method="PATCH"), 1.0)
        expect.that(
            gauge("db_client_connection_count", db_client_connection_state="used") >= 1, "expected a used connection"
        )
    expect.status(future.result(), 200)
    expect.that(
        wait_until(lambda: gauge("http_server_active_requests", http_request_method="PATCH") == 0, 2),
        "expected no active PATCH",
    )
    expect.that(
        wait_until(lambda: gauge("db_client_connection_count", db_client_connection_state="used") == 0, 2),
        "expected no used connection",
    )


@check(
    "MET09", "Orders are counted by their outcome.", source="contract 11.19", needs=_NEEDS | {"admin"}, part="sample"
)
def check_orders(service: Service, people: People, shop: Shop) -> None:
    buyer, product = people.new(), shop.product(stock=3)
    counted = _Counted(service)
    body, key = shop.lines((product, 2)), {"Idempotency-Key": people.fresh_password()}
    order = expect.status(buyer.api.post("/v1/orders", body, headers=key), 201).json()
    expect.status(buyer.api.post("/v1/orders", body, headers=key), 201)
    expect.status(buyer.api.post("/v1/orders", body), 409)
    expect.status(buyer.api.post(f"/v1/orders/{order['id']}/cancel"), 200)
    for outcome in ("placed", "replayed", "insufficient_stock", "cancelled"):
        counted.expect("orders_total", 1, outcome=outcome)


@check(
    "MET10",
    "Look-ups in the catalogue cache are counted: a miss, then hits, and a miss after a write.",
    source="contract 10, 11.19",
    needs=_NEEDS | {"admin"},
    part="sample",
)
def check_cache(service: Service, shop: Shop, api: Api) -> None:
    product = shop.product()
    path = f"/v1/products/{product['id']}"
    outcomes: list[tuple[Callable[[], object], dict[str, float]]] = [
        (lambda: api.get(path), {"miss": 1}),
        (lambda: [api.get(path) for _ in range(3)], {"hit": 3}),
    ]
    for act, growth in outcomes:
        counted = _Counted(service)
        act()
        for outcome, by in growth.items():
            counted.expect("cache_requests_total", by, outcome=outcome)
