"""Conditional requests and caching: nobody is shown what is no longer so, nobody overwrites what they have not seen."""

from __future__ import annotations

import hashlib
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

import pytest

from scaffold.conformance import contract, expect, workers
from scaffold.conformance.accounts import Shop
from scaffold.conformance.client import meanwhile, together
from scaffold.conformance.registry import check

if TYPE_CHECKING:
    from scaffold.conformance.accounts import People
    from scaffold.conformance.client import Api
    from scaffold.conformance.database import Database
    from scaffold.conformance.fixtures import Spawn
    from scaffold.conformance.service import Launcher

PUBLIC = "public, no-cache"


@check(
    "CAC01",
    "A product's ETag is its version; If-None-Match compares weakly and draws 304.",
    source="RFC 9110 §13.1.2, §15.4.5",
    part="sample",
    needs={"admin"},
)
def check_product_etag(api: Api, shop: Shop) -> None:
    """The tag, a weak one, a list, the asterisk; and those that do not match."""
    product = shop.product()
    path = f"/v1/products/{product['id']}"
    full = expect.status(api.get(path), 200)
    tag = f'"{product["version"]}"'
    expect.header(full, "etag", tag)
    expect.header(full, "cache-control", PUBLIC)
    for value in (tag, f"W/{tag}", f'"x", {tag}', f'{tag},"x"', "*", f'"a,b", {tag}'):
        reply = expect.status(api.get(path, headers={"If-None-Match": value}), 304)
        expect.that(not reply.body, "304 has a body", reply)
        for name in ("etag", "cache-control", "vary"):
            expect.header(reply, name, full.headers.get(name))
        expect.status(api.request("HEAD", path, headers={"If-None-Match": value}), 304)
    for value in ('"x"', tag.strip('"'), f'"{product["version"]}0"', "", "W/", '"', f"'{product['version']}'"):
        reply = expect.status(api.get(path, headers={"If-None-Match": value}), 200)
        expect.same("body", reply.json(), product, reply)
    missing = api.get(f"/v1/products/{uuid.uuid4()}", headers={"If-None-Match": "*"})
    expect.problem(missing, 404)


@check(
    "CAC04",
    "A list's ETag is the digest of its body, so that a fleet agrees on it.",
    source="RFC 9110 §8.8.1; contract §11.5",
    part="sample",
    needs={"admin"},
)
def check_list_etag(api: Api, shop: Shop) -> None:
    """And draws 304."""
    name = f"Listed {uuid.uuid4().hex}"
    shop.product(name=name)
    full = expect.status(api.get("/v1/products", params={"q": name}), 200)
    tag = f'"{hashlib.sha256(full.body).hexdigest()[:32]}"'
    expect.header(full, "etag", tag)
    expect.header(full, "cache-control", PUBLIC)
    reply = expect.status(api.get("/v1/products", params={"q": name}, headers={"If-None-Match": tag}), 304)
    expect.header(reply, "etag", tag)
    shop.product(name=name)
    changed = expect.status(api.get("/v1/products", params={"q": name}, headers={"If-None-Match": tag}), 200)
    expect.same("rows", len(changed.json()["items"]), 2, changed)


@check(
    "CAC02",
    "A write is seen by the next read, single and in lists, however warm the cache.",
    source="contract §1; RFC 9111 §4.4",
    part="sample",
    needs={"admin"},
)
def check_read_your_writes(api: Api, people: People, shop: Shop) -> None:
    """Thirty rounds of reading, changing and reading."""
    mark = uuid.uuid4().hex
    product = shop.product(name=f"{mark} 0")
    path = f"/v1/products/{product['id']}"
    version = product["version"]
    for number in range(1, 31):
        for target in (path, f"/v1/products?q={mark}"):
            expect.status(api.get(target), 200)
        changed = expect.status(people.admin.api.patch(path, {"name": f"{mark} {number}"}), 200)
        version += 1
        expect.same("version", changed.json()["version"], version, changed)
        expect.header(changed, "etag", f'"{version}"')
        single = api.get(path)
        expect.same("product", single.json(), changed.json(), single)
        expect.header(single, "etag", f'"{version}"')
        listed = api.get(f"/v1/products?q={mark}")
        expect.same("list", listed.json()["items"], [changed.json()], listed)
    expect.status(people.admin.api.delete(path), 204)
    expect.problem(api.get(path), 404)
    expect.same("list", api.get(f"/v1/products?q={mark}").json()["items"], [])


@check(
    "CAC03",
    "An order changes its products' stock, version and ETag, everywhere at once; so does a cancel.",
    source="RFC 9110 §8.8.1; contract §11.5",
    part="sample",
    needs={"admin"},
)
def check_order_changes_product(api: Api, people: People, shop: Shop) -> None:
    """With product and list in the cache."""
    mark = uuid.uuid4().hex
    product = shop.product(name=mark, stock=10)
    path, listing = f"/v1/products/{product['id']}", f"/v1/products?q={mark}"
    buyer = people.new()

    def look(stock: int, version: int) -> None:
        single = expect.status(api.get(path), 200)
        expect.same("stock, version", (single.json()["stock"], single.json()["version"]), (stock, version), single)
        expect.header(single, "etag", f'"{version}"')
        listed = expect.status(api.get(listing), 200)
        expect.same("list", listed.json()["items"], [single.json()], listed)

    first = product["version"]
    look(10, first)
    order = shop.order(buyer, (product, 3))
    look(7, first + 1)
    expect.status(buyer.api.post(f"/v1/orders/{order['id']}/cancel"), 200)
    look(10, first + 2)


@check(
    "CAC06",
    "What is personal is no-store; keys of the issuer may be kept for five minutes.",
    source="ASVS 14.3.2; RFC 9111 §3.5",
)
def check_no_store(api: Api, people: People, answers: dict[str, object]) -> None:
    """Every kind of reply with a credential, and operational ones."""
    account = people.new()
    paths = ["/v1/me", "/v1/api-keys", "/nothing", *(["/v1/orders"] if answers.get("sample") else [])]
    for path in paths:
        expect.header(account.api.get(path), "cache-control", "no-store")
    for path in ("/livez", "/readyz"):
        expect.header(api.get(path), "cache-control", "no-store")
    expect.header(api.get("/.well-known/jwks.json"), "cache-control", "public, max-age=300")


@check(
    "CAC07",
    "If-Match guards PATCH and DELETE: stale, weak and unreadable are 412, and change nothing.",
    source="RFC 9110 §13.1.1; contract §11.5",
    part="sample",
    needs={"admin"},
)
@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def check_if_match(people: People, shop: Shop, method: str) -> None:
    """Then the right one, a list with it, the asterisk."""
    admin = people.admin.api
    product = shop.product()
    path, tag = f"/v1/products/{product['id']}", f'"{product["version"]}"'
    body = {"json": {"name": "Changed"}} if method == "PATCH" else {}
    for value in ('"0"', f"W/{tag}", tag.strip('"'), "nonsense", '"', f'"x", W/{tag}', "W/*"):
        reply = admin.request(method, path, headers={"If-Match": value}, **body)  # type: ignore[arg-type]
        expect.problem(reply, 412, "precondition-failed")
    expect.same("the product afterwards", shop.get(product["id"]), product)
    missing = admin.request(method, f"/v1/products/{uuid.uuid4()}", headers={"If-Match": "*"}, **body)  # type: ignore[arg-type]
    expect.problem(missing, 404)
    for form in ("{tag}", '"x", {tag}', "*", '{tag} , "y"'):
        other = shop.product()
        value = form.format(tag=f'"{other["version"]}"')
        reply = admin.request(method, f"/v1/products/{other['id']}", headers={"If-Match": value}, **body)  # type: ignore[arg-type]
        expect.status(reply, 200 if method == "PATCH" else 204)


@check(
    "CAC08",
    "A patch that changes nothing leaves version and updated_at; one that does raises the version by one.",
    source="contract §11.4",
    part="sample",
    needs={"admin"},
)
def check_versions(people: People, shop: Shop) -> None:
    """An empty patch, the same values, another value."""
    product = shop.product()
    path = f"/v1/products/{product['id']}"
    same = {"name": product["name"], "price_cents": product["price_cents"], "stock": product["stock"]}
    for body in ({}, same, {"stock": product["stock"]}):
        reply = expect.status(people.admin.api.patch(path, body), 200)
        expect.same("the product", reply.json(), product, reply)
        expect.header(reply, "etag", f'"{product["version"]}"')
    reply = expect.status(people.admin.api.patch(path, {"price_cents": product["price_cents"] + 1}), 200)
    expect.same("version", reply.json()["version"], product["version"] + 1, reply)
    expect.that(reply.json()["updated_at"] > product["updated_at"], "updated_at did not move", reply)


@check(
    "CAC09",
    "Of many changes to one version exactly one succeeds.",
    source="RFC 9110 §13.1.1; ASVS 2.3.4",
    part="sample",
    needs={"admin"},
)
def check_lost_update(people: People, shop: Shop) -> None:
    """Twenty at once, all with the same If-Match."""
    product = shop.product()
    path, tag = f"/v1/products/{product['id']}", f'"{product["version"]}"'
    admin = people.admin.api
    replies = together(
        [partial(admin.patch, path, {"price_cents": 5000 + n}, headers={"If-Match": tag}) for n in range(20)]
    )
    expect.same("statuses", sorted(reply.status for reply in replies), [200] + [412] * 19)
    winner = next(reply for reply in replies if reply.status == 200)
    expect.same("the product", shop.get(product["id"]), winner.json(), winner)


@check(
    "CAC10",
    "Several processes agree: a write through one is seen through all.",
    source="contract §11.10",
    part={"redis", "sample"},
    needs={"settings", "admin", "redis"},
)
def check_processes(spawn: Spawn, launcher: Launcher) -> None:
    """Each process has the product in its cache when another one changes it."""
    service = spawn(WEB_CONCURRENCY="2")
    people = spawn.people(service)
    admin = people.admin.api
    shop = Shop(people)
    path = f"/v1/products/{shop.product()['id']}"
    pids = workers.serving(service)
    wanted = 2 if contract.stack(launcher.project.stack).several_workers else 1
    expect.same("number of processes that answer", len(pids), wanted)
    for number in range(3):
        changed = expect.status(admin.patch(path, {"stock": number + 10}), 200).json()
        for replies in workers.in_turn(service, pids, [lambda: service.api().get(path)] * 4):
            for reply in replies:
                expect.same("product", reply.json(), changed, reply)


@check(
    "CAC05",
    "What is changed behind the service's back is seen after CACHE_TTL_SECONDS at the latest.",
    source="contract §5, §11.10; RFC 9111 §4.2",
    part="sample",
    needs={"admin", "settings", "sql"},
)
def check_cache_life(spawn: Spawn) -> None:
    """A row changed by SQL, and a cache that lives for two seconds."""
    service = spawn(CACHE_TTL_SECONDS="2")
    people = spawn.people(service)
    product = Shop(people).product(name="Before")
    api, database = service.api(), service.database
    paths = (f"/v1/products/{product['id']}", "/v1/products")
    for path in paths:
        expect.status(api.get(path), 200)
    database.execute("UPDATE products SET name = %s WHERE id = %s", "After", database.raw_id(product["id"]))
    time.sleep(2.3)
    for path in paths:
        reply = expect.status(api.get(path), 200)
        expect.that('"After"' in reply.text and '"Before"' not in reply.text, "expected the new name", reply)


@check(
    "CAC11",
    "A change that waits for its product sees the version that the other transaction has left.",
    source="RFC 9110 §13.1.1; ASVS 2.3.4",
    part="sample",
    needs={"admin", "sql"},
)
@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def check_lost_update_aimed(people: People, shop: Shop, database: Database, method: str) -> None:
    """With the tag of before it is 412; without one it changes what it names and nothing else."""
    product = shop.product(name="Before")
    path, row = f"/v1/products/{product['id']}", database.raw_id(product["id"])
    change = "UPDATE products SET name = 'Between', version = version + 1 WHERE id = %s"
    body = {"json": {"price_cents": 5000}} if method == "PATCH" else {}
    send = partial(people.admin.api.request, method, path, **body)  # type: ignore[arg-type]
    stale = {"If-Match": f'"{product["version"]}"'}
    reply = meanwhile(database.changing(change, row), lambda: send(headers=stale))
    expect.problem(reply, 412, "precondition-failed")
    found = database.row("products", product["id"])
    expect.same("name, price", (found["name"], found["price_cents"]), ("Between", product["price_cents"]), reply)
    reply = meanwhile(database.changing(change.replace("Between", "After"), row), send)
    if method == "DELETE":
        expect.status(reply, 204)
        return
    shown = expect.status(reply, 200).json()
    wanted = ("After", 5000, product["version"] + 3)
    expect.same("name, price, version", (shown["name"], shown["price_cents"], shown["version"]), wanted, reply)
    stored = database.row("products", product["id"])
    expect.same("what is stored", (stored["name"], stored["price_cents"], stored["version"]), wanted, reply)


@check(
    "CAC12",
    "Members of an If-Match or If-None-Match list that cannot be read are ignored.",
    source="RFC 9110 §13.1.1, §13.1.2; contract §11.25",
    part="sample",
    needs={"admin"},
)
@pytest.mark.parametrize("form", ["nonsense, {tag}", "{tag}, nonsense", ", ,{tag},", "1, {tag}, 2"])
def check_unreadable_members(api: Api, people: People, shop: Shop, form: str) -> None:
    """Those that can be read count."""
    product = shop.product()
    path, value = f"/v1/products/{product['id']}", form.format(tag=f'"{product["version"]}"')
    expect.status(api.get(path, headers={"If-None-Match": value}), 304)
    other = form.format(tag='"0"')
    expect.status(api.get(path, headers={"If-None-Match": other}), 200)
    expect.problem(people.admin.api.patch(path, {"stock": 1}, headers={"If-Match": other}), 412, "precondition-failed")
    expect.status(people.admin.api.patch(path, {"stock": 1}, headers={"If-Match": value}), 200)


@check(
    "CAC13",
    "What is read while a change commits is not taken for what comes after it.",
    source="contract §11.10; RFC 9111 §4.4",
    part="sample",
    needs={"admin", "settings", "sql"},
    databases={"postgresql"},
)
def check_cache_told_after_commit(spawn: Spawn) -> None:
    """The suite makes the commit of a change take its time, and reads meanwhile."""
    service = spawn()
    people, database = spawn.people(service), service.database
    product = Shop(people).product(name="Before")
    path, api = f"/v1/products/{product['id']}", service.api()
    database.execute(
        "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(1); RETURN NULL; END $$"
    )
    database.execute(
        "CREATE CONSTRAINT TRIGGER slow AFTER UPDATE ON products DEFERRABLE INITIALLY DEFERRED"
        " FOR EACH ROW EXECUTE FUNCTION slow()"
    )
    with ThreadPoolExecutor(1) as pool:
        change = pool.submit(people.admin.api.patch, path, {"name": "After"})
        time.sleep(0.5)
        for target in (path, "/v1/products"):
            expect.that("Before" in api.get(target).text, "the change is seen before its commit")
        expect.status(change.result(), 200)
    for target in (path, "/v1/products"):
        reply = expect.status(api.get(target), 200)
        expect.that("After" in reply.text and "Before" not in reply.text, "expected the new name", reply)


@check(
    "CAC14",
    "Of those who miss the cache at the same time one asks the database, and all get its reply.",
    source="contract §11.10",
    part="sample",
    needs={"admin", "settings", "sql"},
    databases={"postgresql"},
)
def check_one_load(spawn: Spawn) -> None:
    """Twelve at once, while the suite keeps everybody from the table."""
    service = spawn()
    product = Shop(spawn.people(service)).product()
    api, database = service.api(), service.database
    path = f"/v1/products/{product['id']}"
    with ThreadPoolExecutor(12) as pool:
        with database.transaction("LOCK TABLE products IN ACCESS EXCLUSIVE MODE"):
            replies = [pool.submit(api.get, path) for _ in range(12)]
            time.sleep(0.6)
            waiting = database.one(
                "SELECT count(*) AS n FROM pg_stat_activity"
                " WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )["n"]
        for reply in replies:
            expect.same("body", expect.status(reply.result(), 200).json(), product, reply.result())
    expect.same("statements that waited for the table", waiting, 1)
