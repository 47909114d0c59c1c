"""REST semantics."""

from __future__ import annotations

import json
import re
import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from scaffold.conformance import expect
from scaffold.conformance.raw import ConnectionEndedError
from scaffold.conformance.registry import check

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scaffold.conformance.accounts import People, Shop
    from scaffold.conformance.client import Api
    from scaffold.conformance.exchange import Reply
    from scaffold.conformance.openapi import OpenApi
    from scaffold.conformance.service import Service

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
#: Headers that differ between any two replies.
CHANGING = {"date", "x-request-id", "ratelimit", "traceparent", "connection", "keep-alive", "transfer-encoding"}


@check("REST01", "An unknown path is a 404 problem, whatever credentials come with it.", source="RFC 9110 §15.5.5")
@pytest.mark.parametrize("path", ["/", "/nothing", "/v1", "/v1/nothing", "/v1/me/nothing", "/v2/me", "/livez/x"])
def check_unknown_path(api: Api, people: People, path: str) -> None:
    """Without, with a good and with a bad token."""
    for caller in (api, people.new().api, api.with_token("nonsense")):
        for method in ("GET", "POST"):
            expect.problem(caller.request(method, path), 404)


@check(
    "REST02",
    "A method that a known path does not have is a 405 problem whose Allow names exactly those it has.",
    source="RFC 9110 §15.5.6",
)
def check_wrong_method(api: Api, openapi: OpenApi) -> None:
    """Every path of the contract, every common method that it lacks."""
    for path in openapi.document["paths"]:
        known = openapi.methods(path)
        allowed = known | ({"HEAD"} if "GET" in known else set())
        for method in METHODS:
            if method in known:
                continue
            reply = api.request(method, path.replace("{id}", str(uuid.uuid4())))
            expect.problem(reply, 405)
            got = {name.upper() for name in expect.items(reply.headers.get("allow", ""))}
            expect.same(f"Allow of {path}", got - {"OPTIONS"}, allowed, reply)


@check("REST04", "HEAD answers as GET does, without a body.", source="RFC 9110 §9.3.2")
def check_head(api: Api, people: People, openapi: OpenApi) -> None:
    """Every path that GET has; with a token, as far as that reaches."""
    account = people.new()
    for path in sorted(path for path in openapi.document["paths"] if "GET" in openapi.methods(path)):
        if path == "/metrics":
            continue
        caller = account.api if "/v1/" in path else api
        target = path.replace("{id}", str(uuid.uuid4()))
        got, head = caller.get(target), caller.request("HEAD", target)
        expect.same(f"status of HEAD {path}", head.status, got.status, got, head)
        expect.that(not head.body, f"HEAD {path} has a body", head)
        names = [{name.lower() for name in reply.headers} - CHANGING for reply in (got, head)]
        expect.same(f"headers of HEAD {path}", names[1] | {"content-length"}, names[0] | {"content-length"}, got, head)
        for name in ("content-type", "etag", "cache-control"):
            expect.header(head, name, got.headers.get(name))


@check(
    "REST05",
    "TRACE, an invented and a lower-case method never succeed.",
    source="ASVS 13.4.4; RFC 9110 §9.1",
    needs={"raw"},
)
@pytest.mark.parametrize("method", ["TRACE", "FOO", "get", "CONNECT"])
def check_strange_method(service: Service, method: str) -> None:
    """On a path that GET has."""
    with service.raw() as connection:
        connection.request(method, "/v1/me")
        try:
            reply = connection.reply()
        except ConnectionEndedError:
            return
        expect.status(reply, 400, 405, 501)


@check(
    "REST06",
    "A path has one spelling: variants are 404, or a redirect to the exact path, never a second resource.",
    source="contract §9; Zalando 136",
    needs={"raw"},
)
@pytest.mark.parametrize(
    "target",
    [
        "/v1/me/", "/V1/me", "/v1/ME", "//v1/me", "/v1//me", "/v1/./me", "/v1/x/../me", "/v1/%2e/me", "/v1/me%2f",
        "/v1/me;a=b", "/v1/me%00", "/LIVEZ", "/livez/",
    ],
)  # fmt: skip
def check_path_variants(service: Service, people: People, target: str) -> None:
    """With a good token, over a bare socket, because clients tidy paths up."""
    token = people.new().session.access
    with service.raw() as connection:
        connection.request("GET", target, {"Authorization": f"Bearer {token}"})
        try:
            reply = connection.reply()
        except ConnectionEndedError:
            return
    expect.status(reply, 400, 404, 301, 302, 307, 308)
    if reply.status in (301, 302, 307, 308):
        place = reply.headers.get("location", "").removeprefix(service.url)
        expect.that(place in ("/v1/me", "/livez"), f"the redirect leads to {place!r}", reply)


@check("REST07", "Location of a 201 resolves for its creator to what was created.", source="RFC 9110 §15.3.2")
def check_location(people: People) -> None:
    """Registration leads to /v1/me, an API key to itself without the secret."""
    email, password = people.fresh_email(), people.fresh_password()
    created = people.register(email=email, password=password)
    expect.status(created, 201)
    expect.header(created, "location", "/v1/me")
    caller = people.login(email, password).api
    expect.same("GET of Location", caller.get("/v1/me").json(), created.json(), created)
    key = caller.post("/v1/api-keys", {"name": "n", "scopes": ["profile:read"]})
    expect.status(key, 201)
    expect.same("Location", key.headers.get("location"), f"/v1/api-keys/{key.json()['id']}", key)
    expected = {name: value for name, value in key.json().items() if name != "key"}
    expect.same("GET of Location", caller.get(key.headers["location"]).json(), expected, key)


@check(
    "REST08",
    "Products and orders: Location resolves to the body of the creation, with the same ETag.",
    source="RFC 9110 §15.3.2",
    part="sample",
    needs={"admin"},
)
def check_sample_location(people: People, shop: Shop) -> None:
    """A product and an order."""
    created = people.admin.api.post("/v1/products", shop.product_body())
    expect.status(created, 201)
    expect.same("Location", created.headers.get("location"), f"/v1/products/{created.json()['id']}", created)
    got = people.admin.api.get(created.headers["location"])
    expect.same("GET of Location", got.json(), created.json(), created, got)
    expect.same("ETag of GET", got.headers.get("etag"), created.headers.get("etag"), created, got)
    buyer = people.new()
    order = buyer.api.post("/v1/orders", shop.lines((created.json(), 1)))
    expect.status(order, 201)
    expect.same("Location", order.headers.get("location"), f"/v1/orders/{order.json()['id']}", order)
    expect.same("GET of Location", buyer.api.get(order.headers["location"]).json(), order.json(), order)


@check("REST10", "DELETE answers 204 once, then 404, and so does GET.", source="RFC 9110 §9.3.5")
def check_delete(people: People) -> None:
    """An API key."""
    account = people.new()
    path = f"/v1/api-keys/{people.key(account)['id']}"
    deleted = expect.status(account.api.delete(path), 204)
    expect.that(not deleted.body, "204 has a body", deleted)
    expect.problem(account.api.delete(path), 404)
    expect.problem(account.api.get(path), 404)


@check(
    "REST16",
    "A product is deleted once; afterwards it is 404 and no longer listed.",
    source="RFC 9110 §9.3.5",
    part="sample",
    needs={"admin"},
)
def check_delete_product(people: People, shop: Shop, api: Api) -> None:
    """As REST10, and the list forgets it."""
    product = shop.product(name=f"Gone {uuid.uuid4().hex}")
    path = f"/v1/products/{product['id']}"
    expect.status(people.admin.api.delete(path), 204)
    expect.problem(people.admin.api.delete(path), 404)
    expect.problem(api.get(path), 404)
    expect.same("list", api.get("/v1/products", params={"q": product["name"]}).json()["items"], [])


@check(
    "REST09",
    "Replies carry Date; 204 has no body; requests on one connection, also pipelined, are answered in order.",
    source="RFC 9110 §6.6.1; RFC 9112 §9.3",
    needs={"raw"},
)
def check_connections(service: Service, people: People) -> None:
    """Keep-alive, pipelining, HTTP/1.0."""
    account = people.new()
    token = {"Authorization": f"Bearer {account.session.access}"}
    with service.raw() as connection:
        for target, status in (("/livez", 200), ("/nothing", 404), ("/livez", 200)):
            connection.request("GET", target)
            reply = expect.status(connection.reply(), status)
            stamp = datetime.strptime(reply.headers["date"], "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC)
            expect.that(abs(datetime.now(UTC) - stamp) < timedelta(seconds=5), "Date is not now", reply)
    with service.raw() as connection:
        connection.request("POST", "/v1/auth/logout", token)
        expect.that(not expect.status(connection.reply(), 204).body, "204 has a body")
        connection.request("GET", "/livez")
        expect.status(connection.reply(), 200)
    with service.raw() as connection:
        for target in ("/livez", "/nothing", "/.well-known/jwks.json"):
            connection.request("GET", target)
        got = [connection.reply().status for _ in range(3)]
        expect.same("statuses of pipelined requests", got, [200, 404, 200])
    with service.raw() as connection:
        connection.send("GET /livez HTTP/1.0\r\n\r\n")
        expect.status(connection.reply(), 200)
        expect.that(connection.ended(5), "an HTTP/1.0 connection stays open though nobody asked for it")


@check(
    "REST11",
    "Ids made by the service are UUIDs of version 7, times RFC 3339 in UTC with milliseconds, names snake_case.",
    source="contract §1; RFC 9562 §5.7; RFC 3339",
)
def check_forms(people: People) -> None:
    """A user, a session, an API key."""
    account = people.new()
    user = account.api.get("/v1/me")
    key = account.api.post("/v1/api-keys", {"name": "n", "scopes": ["profile:read"], "expires_at": _later()})
    for reply in (user, expect.status(key, 201)):
        _examine(reply)
    expect.that(expect.UUID7.fullmatch(account.session.id), f"the session's id {account.session.id} is no UUIDv7")
    expect.same(
        "expires_at", key.json()["expires_at"][:19], key.request_body.decode().partition("expires_at")[2][4:23], key
    )


@check(
    "REST15",
    "Ids and times of products and orders have the same forms.",
    source="contract §1; RFC 9562 §5.7; RFC 3339",
    part="sample",
    needs={"admin"},
)
def check_sample_forms(people: People, shop: Shop) -> None:
    """A product and an order."""
    product = shop.product()
    buyer = people.new()
    order = shop.order(buyer, (product, 1))
    _examine(buyer.api.get(f"/v1/products/{product['id']}"))
    _examine(buyer.api.get(f"/v1/orders/{order['id']}"))


def _later() -> str:
    return (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")


def _examine(reply: Reply) -> None:
    now = time.time()
    for name, value in _members(reply.json()):
        expect.that(re.fullmatch(r"[a-z][a-z0-9_]*", name), f"the name {name} is not snake_case", reply)
        if name == "id":
            expect.that(expect.UUID7.fullmatch(value), f"the id {value} is no UUID of version 7", reply)
            made = int(value.replace("-", "")[:12], 16) / 1000
            expect.that(abs(now - made) < 120, f"the time in the id {value} is not that of its making", reply)
        if name.endswith("_at") and value is not None:
            expect.that(expect.TIMESTAMP.fullmatch(value), f"{name} is {value!r}", reply)
        if name == "created_at":
            made = datetime.fromisoformat(value).timestamp()
            expect.that(abs(now - made) < 120, f"created_at is {value}", reply)


def _members(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield name, inner
            yield from _members(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _members(inner)


@check(
    "REST12",
    "JSON is compact, in the documented order, with mandatory escapes only, as application/json without charset.",
    source="contract §11.1; RFC 9110 §8.8.1",
)
def check_json_form(people: People, openapi: OpenApi) -> None:
    """Replies about an account with an unusual name, and a problem."""
    account = people.new(display_name='Zoë "<&>/\\" 東京 \U0001f600')
    me = expect.status(account.api.get("/v1/me"), 200)
    _exact(me, openapi, "User")
    _exact(
        expect.status(account.api.post("/v1/api-keys", {"name": "n", "scopes": ["profile:read"]}), 201),
        openapi,
        "NewApiKey",
    )
    problem = account.api.get("/v1/nothing")
    expect.same("Content-Type", problem.headers.get("content-type"), "application/problem+json", problem)
    expect.that(problem.body == _compact(problem.json()), "the problem is not compact JSON", problem)


@check(
    "REST17",
    "JSON of products and orders has the documented form and order, too.",
    source="contract §11.1",
    part="sample",
    needs={"admin"},
)
def check_sample_json_form(people: People, shop: Shop, openapi: OpenApi) -> None:
    """A product, the list, an order."""
    product = shop.product(name='Zoë "<&>/\\" 東京')
    buyer = people.new()
    order = shop.order(buyer, (product, 1))
    _exact(buyer.api.get(f"/v1/products/{product['id']}"), openapi, "Product")
    _exact(buyer.api.get("/v1/products?limit=2"), openapi, "ProductList")
    reply = buyer.api.get(f"/v1/orders/{order['id']}")
    _exact(reply, openapi, "Order")
    lines = openapi.document["components"]["schemas"]["OrderLine"]["properties"]
    expect.same("order of a line's members", list(reply.json()["lines"][0]), list(lines), reply)


def _exact(reply: Reply, openapi: OpenApi, schema: str) -> None:
    expect.same("Content-Type", reply.headers.get("content-type"), "application/json", reply)
    expect.that(reply.body == _compact(reply.json()), "the body is not compact JSON with mandatory escapes only", reply)
    documented = list(openapi.document["components"]["schemas"][schema]["properties"])
    expect.same("order of members", [name for name in reply.json() if name in documented], documented, reply)


def _compact(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


@check("REST13", "Accept is ignored: what is asked for is JSON.", source="contract §11.1")
def check_accept(people: People) -> None:
    """Types that the service does not have."""
    caller = people.new().api
    for accept in ("text/html", "application/xml", "nonsense", "image/*;q=0.1"):
        reply = expect.status(caller.get("/v1/me", headers={"Accept": accept}), 200)
        expect.same("Content-Type", reply.media_type, "application/json", reply)


@check(
    "REST14", "Every reply has X-Request-Id; a UUID of the caller's is kept, in lower case.", source="contract §11.6"
)
def check_request_id(api: Api) -> None:
    """Also on errors; anything but a UUID is replaced."""
    own = str(uuid.uuid4())
    for path in ("/livez", "/nothing", "/v1/me"):
        expect.header(api.get(path, headers={"X-Request-Id": own}), "x-request-id", own)
        expect.header(api.get(path, headers={"X-Request-Id": own.upper()}), "x-request-id", own)
        ids = set()
        for bad in ("", "1", "x" * 36, own + "0", f"{{{own}}}", own.replace("-", ""), f"urn:uuid:{own}"):
            reply = api.get(path, headers={"X-Request-Id": bad})
            expect.that(expect.UUID.fullmatch(reply.request_id), f"X-Request-Id is {reply.request_id!r}", reply)
            expect.that(reply.request_id != own, "an id that is no UUID was taken for one", reply)
            ids.add(reply.request_id)
        expect.same("number of different ids", len(ids), 7)


@check(
    "REST18",
    "PATCH takes application/merge-patch+json and application/json; what is not named stays as it is.",
    source="RFC 7396",
)
def check_patch(people: People) -> None:
    """The own profile; an empty patch changes nothing, not even updated_at."""
    account = people.new()
    before = account.api.get("/v1/me").json()
    empty = expect.status(account.api.patch("/v1/me", {}), 200)
    expect.same("the account after an empty patch", empty.json(), before, empty)
    for media_type in ("application/merge-patch+json", "application/json"):
        time.sleep(0.002)
        name = f"Name {uuid.uuid4().hex}"
        changed = account.api.patch("/v1/me", {"display_name": name}, media_type=media_type)
        after = expect.status(changed, 200).json()
        expect.same("display_name", after["display_name"], name, changed)
        expect.that(after["updated_at"] > before["updated_at"], "updated_at did not move", changed)
        same = {key: value for key, value in after.items() if key not in ("display_name", "updated_at")}
        expect.same("the rest", same, {key: before[key] for key in same}, changed)
        expect.same("GET afterwards", account.api.get("/v1/me").json(), after, changed)
        again = account.api.patch("/v1/me", {"display_name": name}, media_type=media_type)
        expect.same("the account after the same patch again", again.json(), after, again)
