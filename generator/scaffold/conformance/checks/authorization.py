"""Authorization: who may do what, generated from the contract's document; and whose things are whose."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from scaffold.conformance import callers, expect
from scaffold.conformance.registry import check

if TYPE_CHECKING:
    from scaffold.conformance.accounts import People, Shop
    from scaffold.conformance.database import Database
    from scaffold.conformance.openapi import OpenApi


@check(
    "AZ01",
    "Each operation lets in exactly those whom the contract names: nobody, users, administrators, keys by scope.",
    source="API5:2023; ASVS 8.2.1",
    needs={"admin"},
)
def check_matrix(people: People, openapi: OpenApi) -> None:
    """Every caller at every operation."""
    every = callers.scopes(openapi)
    of_users = [scope for scope in every if scope != "products:write"]
    for caller in callers.everybody(people, {"user": of_users, "admin": every}):
        for operation in openapi.operations:
            if operation.path != "/metrics":
                caller.expect(operation)


@check("AZ02", "Somebody else's API key is 404, as one that does not exist, and stays.", source="API1:2023; ASVS 8.2.2")
def check_foreign_key(people: People) -> None:
    """Byte for byte, but for the ids."""
    owner, other = people.new(), people.new()
    path = f"/v1/api-keys/{people.key(owner)['id']}"
    for method in ("GET", "DELETE"):
        foreign = other.api.request(method, path)
        missing = other.api.request(method, f"/v1/api-keys/{uuid.uuid4()}")
        expect.problem(foreign, 404)
        expect.indistinguishable("the reply", foreign, missing)
    expect.status(owner.api.get(path), 200)


@check(
    "AZ03",
    "Somebody else's order is 404, as one that does not exist, and stays as it is.",
    source="API1:2023; ASVS 8.2.2",
    part="sample",
    needs={"admin"},
)
def check_foreign_order(people: People, shop: Shop) -> None:
    """Read and cancel."""
    owner, other = people.new(), people.new()
    order = shop.order(owner, (shop.product(), 1))
    for method, tail in (("GET", ""), ("POST", "/cancel")):
        foreign = other.api.request(method, f"/v1/orders/{order['id']}{tail}")
        missing = other.api.request(method, f"/v1/orders/{uuid.uuid4()}{tail}")
        expect.problem(foreign, 404)
        expect.indistinguishable("the reply", foreign, missing)
    expect.same("the order afterwards", owner.api.get(f"/v1/orders/{order['id']}").json(), order)


@check("AZ04", "Lists of API keys hold the caller's own, whoever's cursor is used.", source="API1:2023")
def check_own_keys(people: People) -> None:
    """A cursor tells a place, it grants nothing."""
    owner, other = people.new(), people.new()
    own = [people.key(owner)["id"] for _ in range(3)]
    foreign = [people.key(other)["id"] for _ in range(3)]
    page = expect.status(owner.api.get("/v1/api-keys?limit=1"), 200)
    reply = other.api.get("/v1/api-keys", params={"cursor": page.json()["next_cursor"]})
    got = {item["id"] for item in expect.status(reply, 200).json()["items"]}
    expect.that(not got & set(own), "the list holds keys of somebody else", reply)
    listed = other.api.get("/v1/api-keys?limit=100")
    expect.same("keys", {item["id"] for item in listed.json()["items"]}, set(foreign), listed)


@check(
    "AZ08",
    "A user sees the own orders; an administrator sees everybody's and may cancel them.",
    source="API1:2023; contract §2, §11.12",
    part="sample",
    needs={"admin"},
)
def check_own_orders(people: People, shop: Shop) -> None:
    """Lists, single orders, cancelling."""
    one, two = people.new(), people.new()
    product = shop.product()
    orders = {account.id: shop.order(account, (product, 1)) for account in (one, two)}
    for account in (one, two):
        listed = expect.status(account.api.get("/v1/orders?limit=100"), 200)
        expect.same("orders", [item["id"] for item in listed.json()["items"]], [orders[account.id]["id"]], listed)
    everybody = people.admin.api.get("/v1/orders?limit=100")
    got = {item["id"] for item in expect.status(everybody, 200).json()["items"]}
    expect.that({order["id"] for order in orders.values()} <= got, "an administrator misses orders", everybody)
    reply = people.admin.api.post(f"/v1/orders/{orders[two.id]['id']}/cancel")
    expect.same("status", expect.status(reply, 200).json()["status"], "cancelled", reply)
    expect.same("owner", reply.json()["user_id"], two.id, reply)


@check("AZ05", "Fields that a caller may not set are unknown, and stay as they are.", source="API3:2023; ASVS 15.3.3")
def check_mass_assignment(people: People) -> None:
    """In registration, profile and API keys."""
    account = people.new()
    before = account.api.get("/v1/me").json()
    for field, value in (
        ("id", str(uuid.uuid4())), ("role", "admin"), ("roles", ["admin"]), ("is_admin", True), ("is_active", False),
        ("created_at", "2020-01-01T00:00:00.000Z"), ("email", people.fresh_email()), ("password", "another passphrase"),
        ("password_hash", "x"),
    ):  # fmt: skip
        expect.faults(account.api.patch("/v1/me", {field: value}), (f"#/{field}", "unknown_field"))
        if field not in ("email", "password"):
            expect.faults(people.register(**{field: value}), (f"#/{field}", "unknown_field"))
        if field in ("id", "role", "created_at"):
            key = {"name": "n", "scopes": ["profile:read"], field: value}
            expect.faults(account.api.post("/v1/api-keys", key), (f"#/{field}", "unknown_field"))
    expect.same("the account afterwards", account.api.get("/v1/me").json(), before)


@check(
    "AZ06",
    "Prices, states and owners of orders and versions of products cannot be set.",
    source="API3:2023; ASVS 15.3.3",
    part="sample",
    needs={"admin"},
)
def check_sample_mass_assignment(people: People, shop: Shop) -> None:
    """Unknown fields, all of them."""
    product = shop.product(price_cents=500)
    buyer = people.new()
    for field, value in (
        ("user_id", people.admin.id),
        ("status", "cancelled"),
        ("total_cents", 1),
        ("id", str(uuid.uuid4())),
    ):
        expect.faults(
            buyer.api.post("/v1/orders", shop.lines((product, 1)) | {field: value}), (f"#/{field}", "unknown_field")
        )
    line = {"product_id": product["id"], "quantity": 1, "price_cents": 1}
    expect.faults(buyer.api.post("/v1/orders", {"lines": [line]}), ("#/lines/0/price_cents", "unknown_field"))
    for field, value in (("version", 9), ("id", str(uuid.uuid4())), ("created_at", "2020-01-01T00:00:00.000Z")):
        body = shop.product_body(**{field: value})
        expect.faults(people.admin.api.post("/v1/products", body), (f"#/{field}", "unknown_field"))
    expect.same("the product afterwards", shop.get(product["id"]), product)


@check("AZ07", "A key cannot be given more than its maker has.", source="ASVS 8.3.2; contract §2", part="sample")
def check_wider_key(people: People) -> None:
    """A user asks for the catalogue."""
    account = people.new()
    for scopes in (["products:write"], ["profile:read", "products:write"]):
        reply = account.api.post("/v1/api-keys", {"name": "n", "scopes": scopes})
        expect.problem(reply, 403, "insufficient-scope")
    expect.same("keys", account.api.get("/v1/api-keys").json()["items"], [])


@check(
    "AZ09",
    "A role that is taken away is gone at once, for tokens and keys.",
    source="ASVS 8.3.2; API2:2023",
    part="sample",
    needs={"sql"},
)
def check_demotion(people: People, shop: Shop, database: Database) -> None:
    """Somebody becomes an administrator, and is none again, without a new token."""
    account = people.new()
    raw = database.raw_id(account.id)
    expect.problem(account.api.post("/v1/products", shop.product_body()), 403, "insufficient-scope")
    database.execute("UPDATE users SET role = 'admin' WHERE id = %s", raw)
    session = people.login(account.email, account.password)
    expect.status(session.api.post("/v1/products", shop.product_body()), 201)
    reply = session.api.post("/v1/api-keys", {"name": "n", "scopes": ["products:write"]})
    key = people.target.api().with_key(expect.status(reply, 201).json()["key"])
    expect.status(key.post("/v1/products", shop.product_body()), 201)
    database.execute("UPDATE users SET role = 'user' WHERE id = %s", raw)
    for caller in (session.api, key):
        expect.problem(caller.post("/v1/products", shop.product_body()), 403, "insufficient-scope")
    # Nor can what the token still claims be handed on.
    reply = session.api.post("/v1/api-keys", {"name": "n", "scopes": ["products:write"]})
    expect.problem(reply, 403, "insufficient-scope")
    expect.same("role", session.api.get("/v1/me").json()["role"], "user")
