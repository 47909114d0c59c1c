"""Transactions: stock is never oversold and never lost, whatever happens at the same time."""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from scaffold.conformance import expect
from scaffold.conformance.accounts import Shop
from scaffold.conformance.client import meanwhile, together
from scaffold.conformance.database import DRIVER_ERRORS
from scaffold.conformance.registry import check

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from scaffold.conformance.accounts import People
    from scaffold.conformance.database import Database
    from scaffold.conformance.exchange import Reply
    from scaffold.conformance.fixtures import Spawn


def _patient(call: Callable[..., Reply], *arguments: object, **options: object) -> Callable[[], Reply]:
    """A call that is made again when no connection was free, as clients do.

    Only a request that has waited its time for one may be told so: a 503 that comes sooner hides a
    deadlock, a lock that nobody waits for, or a fault.
    """

    def calling() -> Reply:
        for _ in range(20):
            reply = call(*arguments, **options)
            if reply.status != 503:
                break
            expect.header(reply, "retry-after", "1")
            expect.that(reply.seconds >= _POOL_TIMEOUT, f"503 after {reply.seconds:.2f} s of waiting", reply)
        return reply

    return calling


#: Seconds after which the service's clock shows another time.
_TICK = 0.005
#: Seconds of DB_POOL_TIMEOUT_MS, less what clocks differ in.
_POOL_TIMEOUT = 1.9


@check(
    "TX01",
    "Sixty buyers at once of twenty pieces: twenty get one, forty are told so, none is left.",
    source="ASVS 2.3.4",
    part="sample",
    needs={"admin"},
)
def check_oversell(people: People, shop: Shop) -> None:
    """And the product's version counts the orders."""
    product = shop.product(stock=20)
    buyers = [people.new() for _ in range(6)]
    body = shop.lines((product, 1))
    replies = together([_patient(buyers[n % 6].api.post, "/v1/orders", body) for n in range(60)])
    statuses = sorted(reply.status for reply in replies)
    expect.same("statuses", statuses, [201] * 20 + [409] * 40)
    for reply in replies:
        if reply.status == 409:
            shortages = expect.problem(reply, 409, "insufficient-stock")["shortages"]
            expect.same("shortages", shortages, [{"product_id": product["id"], "requested": 1, "available": 0}], reply)
    after = shop.get(product["id"])
    expect.same("stock, version", (after["stock"], after["version"]), (0, product["version"] + 20))
    placed = sum(len(buyer.api.get("/v1/orders?limit=100").json()["items"]) for buyer in buyers)
    expect.same("orders", placed, 20)


@check(
    "TX02",
    "An order that cannot be filled whole takes nothing, and names each shortage in the order of its lines.",
    source="ASVS 2.3.3; contract §11.12",
    part="sample",
    needs={"admin"},
)
def check_all_or_nothing(people: People, shop: Shop) -> None:
    """Enough of the first, too little of two others."""
    enough, some, none = shop.product(stock=10), shop.product(stock=2), shop.product(stock=0)
    buyer = people.new()
    reply = buyer.api.post("/v1/orders", shop.lines((none, 1), (enough, 5), (some, 3)))
    body = expect.problem(reply, 409, "insufficient-stock")
    wanted = [
        {"product_id": none["id"], "requested": 1, "available": 0},
        {"product_id": some["id"], "requested": 3, "available": 2},
    ]
    expect.same("shortages", body["shortages"], wanted, reply)
    for product in (enough, some, none):
        expect.same("the product", shop.get(product["id"]), product)
    expect.same("orders", buyer.api.get("/v1/orders").json()["items"], [])


@check(
    "TX03",
    "An order freezes number, name and price, adds up its lines, and shows them as they were sent.",
    source="contract §2, §10",
    part="sample",
    needs={"admin"},
)
def check_frozen(people: People, shop: Shop) -> None:
    """The product changes afterwards, the order does not."""
    one, two = shop.product(price_cents=150, name="One"), shop.product(price_cents=7, name="Two")
    buyer = people.new()
    order = shop.order(buyer, (two, 3), (one, 2))
    lines = [
        {"product_id": p["id"], "sku": p["sku"], "name": p["name"], "quantity": n, "price_cents": p["price_cents"]}
        for p, n in ((two, 3), (one, 2))
    ]
    expect.same("lines", order["lines"], lines)
    expect.same("total", (order["total_cents"], order["currency"], order["status"]), (321, "EUR", "placed"))
    expect.same("owner", order["user_id"], buyer.id)
    for product in (one, two):
        changed = people.admin.api.patch(f"/v1/products/{product['id']}", {"name": "New", "price_cents": 999})
        expect.status(changed, 200)
    expect.same("the order afterwards", buyer.api.get(f"/v1/orders/{order['id']}").json(), order)


@check(
    "TX04",
    "All lines of an order have one currency; the first that differs is named.",
    source="contract §11.12",
    part="sample",
    needs={"admin"},
)
def check_currency(people: People, shop: Shop) -> None:
    """Together with an unknown product, at its own line."""
    euro, dollar = shop.product(stock=5), shop.product(stock=5, currency="USD")
    buyer = people.new()
    expect.faults(
        buyer.api.post("/v1/orders", shop.lines((euro, 1), (dollar, 1))), ("#/lines/1/product_id", "currency_mismatch")
    )
    expect.faults(
        buyer.api.post("/v1/orders", shop.lines((dollar, 1), (euro, 1))), ("#/lines/1/product_id", "currency_mismatch")
    )
    unknown = {"id": str(uuid.uuid4())}
    reply = buyer.api.post("/v1/orders", shop.lines((euro, 1), (unknown, 1)))
    expect.faults(reply, ("#/lines/1/product_id", "not_found"))
    for product in (euro, dollar):
        expect.same("stock", shop.get(product["id"])["stock"], 5)


@check(
    "TX05",
    "Twenty cancels at once: one succeeds, and the stock returns once.",
    source="ASVS 2.3.4",
    part="sample",
    needs={"admin"},
)
def check_cancel_once(people: People, shop: Shop) -> None:
    """A cancelled order stays cancelled."""
    product = shop.product(stock=10)
    buyer = people.new()
    order = shop.order(buyer, (product, 4))
    path = f"/v1/orders/{order['id']}/cancel"
    time.sleep(_TICK)
    replies = together([_patient(buyer.api.post, path)] * 20)
    expect.same("statuses", sorted(reply.status for reply in replies), [200] + [409] * 19)
    for reply in replies:
        if reply.status == 409:
            expect.problem(reply, 409, "invalid-state")
    expect.same("stock", shop.get(product["id"])["stock"], 10)
    after = buyer.api.get(f"/v1/orders/{order['id']}").json()
    expect.same("status", after["status"], "cancelled")
    expect.that(after["updated_at"] > order["updated_at"], "updated_at did not move")
    expect.same("the rest", after | {"status": "placed", "updated_at": ""}, order | {"updated_at": ""})


@check(
    "TX06",
    "Orders over the same products in different orders do not block each other for good.",
    source="ASVS 2.3.4; contract §11.12",
    part="sample",
    needs={"admin"},
)
def check_deadlock(people: People, shop: Shop) -> None:
    """Forty at once, half of them backwards."""
    products = [shop.product(stock=1000) for _ in range(4)]
    buyer = people.new()
    forwards = shop.lines(*((product, 1) for product in products))
    backwards = shop.lines(*((product, 1) for product in reversed(products)))
    replies = together([_patient(buyer.api.post, "/v1/orders", body) for body in [forwards, backwards] * 20])
    expect.same("statuses", {reply.status for reply in replies}, {201}, *(r for r in replies if r.status != 201))
    for product in products:
        expect.same("stock", shop.get(product["id"])["stock"], 960)


@check(
    "TX15",
    "The products of an order are locked in the order of their ids, whatever the order of its lines.",
    source="ASVS 2.3.4; contract §11.12",
    part="sample",
    needs={"settings", "admin", "sql"},
    databases={"postgresql", "mysql"},
)
def check_order_of_locks(spawn: Spawn) -> None:
    """While the last one is held, an order that waits for it has all others."""
    service = spawn(DB_STATEMENT_TIMEOUT_MS="30000", REQUEST_TIMEOUT_MS="60000")
    people, database = spawn.people(service), service.database
    shop, buyer = Shop(people), people.new()
    products = [shop.product() for _ in range(3)]
    *others, last = sorted(products, key=lambda product: str(product["id"]))

    def is_free(product: Mapping[str, Any]) -> bool:
        statement = "SELECT 1 FROM products WHERE id = %s FOR UPDATE NOWAIT"
        with contextlib.suppress(*DRIVER_ERRORS):
            return bool(database.query(statement, database.raw_id(product["id"])))
        return False

    for wanted in itertools.permutations(products):
        body = shop.lines(*((product, 1) for product in wanted))
        with ThreadPoolExecutor(1) as pool:
            with database.hold("products", database.raw_id(last["id"])):
                reply = pool.submit(buyer.api.post, "/v1/orders", body)
                until = time.monotonic() + _POOL_TIMEOUT
                while any(map(is_free, others)) and time.monotonic() < until:
                    time.sleep(0.05)
                free = [product["sku"] for product in others if is_free(product)]
            expect.status(reply.result(), 201)
        expect.same("products that an order leaves free while it waits for a later one", free, [])


@check(
    "TX07",
    "A product that is deleted while orders for it come in is either in use or gone, never a fault.",
    source="ASVS 2.3.4; contract §2",
    part="sample",
    needs={"admin"},
)
def check_delete_race(people: People, shop: Shop) -> None:
    """Five products, each with an order and a deletion at once."""
    buyer = people.new()
    for _ in range(5):
        product = shop.product(stock=10)
        body, path = shop.lines((product, 1)), f"/v1/products/{product['id']}"
        deleted, *ordered = together(
            [
                _patient(people.admin.api.delete, path),
                *[_patient(buyer.api.post, "/v1/orders", body)] * 4,
            ]
        )
        expect.status(deleted, 204, 409)
        for reply in ordered:
            expect.status(reply, 201, 422)
        taken = sum(reply.status == 201 for reply in ordered)
        if deleted.status == 204:
            expect.same("orders of a product that is gone", taken, 0, deleted)
        else:
            expect.problem(deleted, 409, "product-in-use")
            expect.same("stock", shop.get(product["id"])["stock"], 10 - taken)


@check("TX08", "Registering the same address twice at once makes one account.", source="ASVS 2.3.4; CWE-362")
def check_registration_race(people: People) -> None:
    """Ten at once: one is created, nine hear that it is taken."""
    email = people.fresh_email()
    replies = together([_patient(people.register, email=email)] * 10)
    expect.same("statuses", sorted(reply.status for reply in replies), [201] + [409] * 9)
    for reply in replies:
        if reply.status == 409:
            expect.problem(reply, 409, "email-taken")


@check(
    "TX09",
    "A service that is killed in the middle of an order leaves nothing half-done.",
    source="ASVS 2.3.3",
    part="sample",
    needs={"settings", "process", "sql", "admin"},
)
def check_killed(spawn: Spawn) -> None:
    """While its transaction waits for a row, which the suite holds."""
    service = spawn()
    people = spawn.people(service)
    admin, database = people.admin, service.database
    shop = Shop(people)
    products = [shop.product() for _ in range(2)]
    body = shop.lines(*((product, 1) for product in products))

    def order() -> None:
        with contextlib.suppress(httpx.HTTPError):
            admin.api.post("/v1/orders", body, headers={"Idempotency-Key": "killed"}, timeout=10)

    last = max(product["id"] for product in products)
    with database.hold("products", database.raw_id(last)):
        thread = threading.Thread(target=order)
        thread.start()
        thread.join(1.0)
        service.process.kill()
        thread.join(10)
    again = spawn(target=database)
    left = {table: database.count(table) for table in ("orders", "order_lines", "idempotency_keys")}
    expect.same("rows left behind", left, {"orders": 0, "order_lines": 0, "idempotency_keys": 0})
    caller = again.api().with_token(admin.session.access)
    for product in products:
        expect.same("the product", caller.get(f"/v1/products/{product['id']}").json(), product)
    expect.status(caller.post("/v1/orders", body, headers={"Idempotency-Key": "killed"}), 201)


@check(
    "TX10",
    "The rows agree with the replies: lines, stock, owner.",
    source="ASVS 2.3.3",
    part="sample",
    needs={"admin", "sql"},
)
def check_rows(people: People, shop: Shop, database: Database) -> None:
    """As the database has them."""
    product = shop.product(stock=10)
    buyer = people.new()
    order = shop.order(buyer, (product, 3))
    row = database.row("orders", order["id"])
    expect.same("order", (row["status"], row["currency"], row["total_cents"]), ("placed", "EUR", order["total_cents"]))
    expect.same("owner", row["user_id"], database.row("users", buyer.id)["id"])
    (line,) = database.rows("order_lines", order_id=order["id"])
    expect.same(
        "line", (line["sku"], line["quantity"], line["price_cents"]), (product["sku"], 3, product["price_cents"])
    )
    stored = database.row("products", product["id"])
    expect.same("product", (stored["stock"], stored["version"]), (7, product["version"] + 1))


@check(
    "TX11",
    "An order that waits for a product sees what the other transaction has left of it.",
    source="ASVS 2.3.4; contract §11.12",
    part="sample",
    needs={"admin", "sql"},
)
@pytest.mark.parametrize("left", [2, 30])
def check_order_sees_stock(people: People, shop: Shop, database: Database, left: int) -> None:
    """Of ten, while the order for three waits: too few, or more than there were."""
    product, buyer = shop.product(stock=10), people.new()
    change = database.changing(
        "UPDATE products SET stock = %s, version = version + 1 WHERE id = %s", left, database.raw_id(product["id"])
    )
    reply = meanwhile(change, lambda: buyer.api.post("/v1/orders", shop.lines((product, 3))))
    if left < 3:
        shortages = expect.problem(reply, 409, "insufficient-stock")["shortages"]
        expect.same("shortages", shortages, [{"product_id": product["id"], "requested": 3, "available": left}], reply)
    else:
        expect.status(reply, 201)
    after = database.row("products", product["id"])
    wanted = (left, product["version"] + 1) if left < 3 else (left - 3, product["version"] + 2)
    expect.same("stock, version", (after["stock"], after["version"]), wanted, reply)


@check(
    "TX12",
    "A cancel that waits for its order sees that somebody else has cancelled it, and returns nothing.",
    source="ASVS 2.3.4; contract §11.12",
    part="sample",
    needs={"admin", "sql"},
)
def check_cancel_sees_state(people: People, shop: Shop, database: Database) -> None:
    """The other one has changed the row, and commits while the cancel waits."""
    product, buyer = shop.product(stock=10), people.new()
    order = shop.order(buyer, (product, 4))
    change = database.changing("UPDATE orders SET status = 'cancelled' WHERE id = %s", database.raw_id(order["id"]))
    reply = meanwhile(change, lambda: buyer.api.post(f"/v1/orders/{order['id']}/cancel"))
    expect.problem(reply, 409, "invalid-state")
    expect.same("stock", database.row("products", product["id"])["stock"], 6, reply)


@check(
    "TX13",
    "A cancel that waits for a product returns its stock to what the other transaction has left.",
    source="ASVS 2.3.4; contract §11.12",
    part="sample",
    needs={"admin", "sql"},
)
def check_cancel_adds_stock(people: People, shop: Shop, database: Database) -> None:
    """And raises the version that it finds."""
    product, buyer = shop.product(stock=10), people.new()
    order = shop.order(buyer, (product, 4))
    version = database.row("products", product["id"])["version"]
    change = database.changing(
        "UPDATE products SET stock = 50, version = version + 1 WHERE id = %s", database.raw_id(product["id"])
    )
    reply = meanwhile(change, lambda: buyer.api.post(f"/v1/orders/{order['id']}/cancel"))
    expect.status(reply, 200)
    after = database.row("products", product["id"])
    expect.same("stock, version", (after["stock"], after["version"]), (54, version + 2), reply)


@check(
    "TX14",
    "A cancel that fails half-way leaves everything as it was.",
    source="ASVS 2.3.3; contract §2",
    part="sample",
    needs={"settings", "sql", "admin"},
)
def check_cancel_whole(people: People, shop: Shop, database: Database) -> None:
    """One of two products is so full that the database refuses what would return."""
    products = [shop.product(stock=10) for _ in range(2)]
    order = shop.order(people.admin, *((product, 4) for product in products))
    # A bigint holds no more: adding to it is an error of the database's. SQLite goes on in floating point.
    full = 2**63 - 1
    if database.dialect == "sqlite":
        full = 10**9
        database.execute(
            f"CREATE TRIGGER full BEFORE UPDATE ON products WHEN NEW.stock > {full} BEGIN SELECT raise(ABORT, 'full'); END"
        )
    for product in products:
        row = database.raw_id(product["id"])
        database.execute("UPDATE products SET stock = %s WHERE id = %s", full, row)
        reply = people.admin.api.post(f"/v1/orders/{order['id']}/cancel")
        expect.that(reply.status >= 500, "expected a fault of the service", reply)
        expect.same("status", database.row("orders", order["id"])["status"], "placed", reply)
        stocks = sorted(database.row("products", each["id"])["stock"] for each in products)
        expect.same("stocks", stocks, [6, full], reply)
        database.execute("UPDATE products SET stock = %s WHERE id = %s", 6, row)
    if database.dialect == "sqlite":
        database.execute("DROP TRIGGER full")
    expect.status(people.admin.api.post(f"/v1/orders/{order['id']}/cancel"), 200)
