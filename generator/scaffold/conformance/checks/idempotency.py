"""Idempotency keys: a request that is repeated is done once."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import threading
import time
import uuid
from typing import TYPE_CHECKING

import pytest

from scaffold.conformance import expect
from scaffold.conformance.accounts import Shop
from scaffold.conformance.client import together
from scaffold.conformance.database import earlier, timestamp
from scaffold.conformance.registry import check

if TYPE_CHECKING:
    from scaffold.conformance.accounts import Account, People
    from scaffold.conformance.database import Database
    from scaffold.conformance.exchange import Reply
    from scaffold.conformance.fixtures import Spawn
    from scaffold.conformance.service import Service


def _place(buyer: Account, body: object, key: str) -> Reply:
    return buyer.api.post("/v1/orders", body, headers={"Idempotency-Key": key})


def _key() -> str:
    return f"suite-{uuid.uuid4().hex}"


@check(
    "IDE01",
    "The same request with the same key gets the first reply again, and is done once.",
    source="draft-ietf-httpapi-idempotency-key-header §2.6",
    part="sample",
    needs={"admin"},
)
def check_replay(people: People, shop: Shop) -> None:
    """Status, Location and body; marked as a replay. Quoted and bare are one key."""
    buyer, product, key = people.new(), shop.product(stock=10), _key()
    body = shop.lines((product, 2))
    first = expect.status(_place(buyer, body, key), 201)
    expect.header(first, "idempotency-replayed", None)
    for spelled in (key, f'"{key}"'):
        again = expect.status(_place(buyer, body, spelled), 201)
        expect.header(again, "idempotency-replayed", "true")
        expect.same("body", again.body, first.body, first, again)
        expect.header(again, "location", first.headers["location"])
    expect.same("stock", shop.get(product["id"])["stock"], 8)
    expect.same("orders", len(buyer.api.get("/v1/orders").json()["items"]), 1)


@check(
    "IDE06",
    "A replay is the reply as it was, even when the order has changed.",
    source="contract §2",
    part="sample",
    needs={"admin"},
)
def check_replay_after_change(people: People, shop: Shop) -> None:
    """The order is cancelled in between."""
    buyer, key = people.new(), _key()
    body = shop.lines((shop.product(), 1))
    first = expect.status(_place(buyer, body, key), 201)
    expect.status(buyer.api.post(f"{first.headers['location']}/cancel"), 200)
    again = expect.status(_place(buyer, body, key), 201)
    expect.same("body", again.body, first.body, first, again)


@check(
    "IDE02",
    "The same key with other bytes is 422 idempotency-key-reused.",
    source="draft-ietf-httpapi-idempotency-key-header §2.7",
    part="sample",
    needs={"admin"},
)
def check_other_body(people: People, shop: Shop) -> None:
    """Another quantity, and other spacing: the fingerprint is of the raw body."""
    buyer, product, key = people.new(), shop.product(stock=10), _key()
    body = shop.lines((product, 2))
    expect.status(_place(buyer, body, key), 201)
    expect.problem(_place(buyer, shop.lines((product, 3)), key), 422, "idempotency-key-reused")
    spaced = json.dumps(body, indent=1).encode()
    reply = buyer.api.post(
        "/v1/orders", content=spaced, media_type="application/json", headers={"Idempotency-Key": key}
    )
    expect.problem(reply, 422, "idempotency-key-reused")
    expect.same("stock", shop.get(product["id"])["stock"], 8)


@check(
    "IDE07",
    "A key that is none is 400; without a key an order is simply placed.",
    source="contract §10",
    part="sample",
    needs={"admin"},
)
@pytest.mark.parametrize(
    "key",
    ["", " ", '""', '"a', 'a"', "a b", '"a b"', "k" * 129, '"' + "k" * 129 + '"', "a\\b", "é", '"a"b"', '"a","b"'],
)
def check_bad_key(people: People, shop: Shop, service: Service, key: str) -> None:
    """Empty, half quoted, blanks, too long, characters outside the allowed ones."""
    buyer, product = people.new(), shop.product(stock=10)
    body = json.dumps(shop.lines((product, 1))).encode()
    with service.raw() as connection:
        head = f"POST /v1/orders HTTP/1.1\r\nHost: suite\r\nAuthorization: Bearer {buyer.session.access}\r\n"
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nIdempotency-Key: "
        connection.send(head.encode() + key.encode() + b"\r\n\r\n" + body)
        reply = connection.reply()
    expect.problem(reply, 400, "malformed-request")
    expect.same("stock", shop.get(product["id"])["stock"], 10)
    for _ in range(2):
        expect.status(buyer.api.post("/v1/orders", content=body, media_type="application/json"), 201)
    expect.same("stock", shop.get(product["id"])["stock"], 8)


@check("IDE08", "The longest and the oddest key allowed work.", source="contract §10", part="sample", needs={"admin"})
@pytest.mark.parametrize("key", ["k" * 128, "!#$%&'()*+,-./:;<=>?@[]^_`{|}~", "k"])
def check_odd_key(people: People, shop: Shop, key: str) -> None:
    """Placed, then replayed."""
    buyer = people.new()
    body = shop.lines((shop.product(), 1))
    expect.header(expect.status(_place(buyer, body, key), 201), "idempotency-replayed", None)
    expect.header(expect.status(_place(buyer, body, key), 201), "idempotency-replayed", "true")


@check(
    "IDE03",
    "Twenty times the same at once makes one order; the others replay it or are told to wait.",
    source="draft-ietf-httpapi-idempotency-key-header §2.6",
    part="sample",
    needs={"admin"},
)
def check_parallel(people: People, shop: Shop) -> None:
    """Stock falls once."""
    buyer, product, key = people.new(), shop.product(stock=10), _key()
    body = shop.lines((product, 1))
    replies = together([lambda: _place(buyer, body, key) for _ in range(20)])
    placed = [reply for reply in replies if reply.status == 201]
    expect.that(placed, "nobody got the order", *replies)
    expect.same("orders", {reply.json()["id"] for reply in placed}, {placed[0].json()["id"]})
    expect.same("first replies", sum("idempotency-replayed" not in reply.headers for reply in placed), 1)
    for reply in replies:
        if reply.status == 409:
            expect.problem(reply, 409, "idempotency-in-progress")
            expect.header(reply, "retry-after", "1")
        else:
            expect.status(reply, 201, 503)
    expect.same("stock", shop.get(product["id"])["stock"], 9)


@check(
    "IDE04",
    "A key belongs to one user.",
    source="draft-ietf-httpapi-idempotency-key-header §5; API1:2023",
    part="sample",
    needs={"admin"},
)
def check_scope(people: People, shop: Shop) -> None:
    """Somebody else's same key is another; a user's API key shares it with the user's token."""
    product, key = shop.product(stock=10), _key()
    body = shop.lines((product, 1))
    one, two = people.new(), people.new()
    first = expect.status(_place(one, body, key), 201)
    other = expect.status(_place(two, body, key), 201)
    expect.header(other, "idempotency-replayed", None)
    expect.that(other.json()["id"] != first.json()["id"], "somebody else's order was replayed", other)
    caller = people.target.api().with_key(people.key(one, "orders:write")["key"])
    again = expect.status(caller.post("/v1/orders", body, headers={"Idempotency-Key": key}), 201)
    expect.same("body", again.body, first.body, again)


@check("IDE05", "A refusal leaves the key free.", source="contract §11.11", part="sample", needs={"admin"})
def check_free_after_refusal(people: People, shop: Shop) -> None:
    """After 409 and after 422 the same key works."""
    buyer, product = people.new(), shop.product(stock=1)
    for refused, status in (
        (shop.lines((product, 5)), 409),
        (shop.lines((product, 0)), 422),
        (shop.lines(({"id": str(uuid.uuid4())}, 1)), 422),
    ):
        key = _key()
        expect.status(_place(buyer, refused, key), status)
        good = shop.lines((shop.product(), 1))
        expect.header(expect.status(_place(buyer, good, key), 201), "idempotency-replayed", None)


@check(
    "IDE09",
    "A key is forgotten after IDEMPOTENCY_TTL_SECONDS, and kept over a restart.",
    source="contract §2, §5",
    part="sample",
    needs={"settings", "admin", "sql", "process"},
)
def check_time(spawn: Spawn) -> None:
    """Ten minutes, which the suite lets pass by moving the rows' times back."""
    service = spawn(IDEMPOTENCY_TTL_SECONDS="600")
    people = spawn.people(service)
    shop, database = Shop(people), service.database
    body = shop.lines((shop.product(), 1))
    first = {key: expect.status(_place(people.admin, body, key), 201) for key in ("young", "old")}
    for key, age in (("young", 590), ("old", 601)):
        row = database.one("SELECT * FROM idempotency_keys WHERE idempotency_key = %s", key)
        moved = {name: earlier(row[name], age) for name in ("created_at", "expires_at")}
        life = timestamp(row["expires_at"]) - timestamp(row["created_at"])
        expect.same("life of a key in seconds", life.total_seconds(), 600.0)
        database.execute(
            "UPDATE idempotency_keys SET created_at = %s, expires_at = %s WHERE idempotency_key = %s",
            *moved.values(),
            key,
        )
    service.stop()
    again = spawn(target=database, IDEMPOTENCY_TTL_SECONDS="600").api().with_token(people.admin.session.access)
    replayed = expect.status(again.post("/v1/orders", body, headers={"Idempotency-Key": "young"}), 201)
    expect.header(replayed, "idempotency-replayed", "true")
    expect.same("body", replayed.body, first["young"].body, replayed)
    fresh = expect.status(again.post("/v1/orders", body, headers={"Idempotency-Key": "old"}), 201)
    expect.header(fresh, "idempotency-replayed", None)
    expect.that(fresh.json()["id"] != first["old"].json()["id"], "the order is the old one", fresh)


@check(
    "IDE10",
    "What is stored is a digest of the body and the reply, in the order's own transaction.",
    source="contract §11.11",
    part="sample",
    needs={"admin", "sql"},
)
def check_stored(people: People, shop: Shop, database: Database) -> None:
    """One row, with the hash of the bytes sent."""
    buyer, key = people.new(), _key()
    reply = expect.status(_place(buyer, shop.lines((shop.product(), 1)), f'"{key}"'), 201)
    row = database.one("SELECT * FROM idempotency_keys WHERE idempotency_key = %s", key)
    expect.same("method, path", (row["method"], row["path"]), ("POST", "/v1/orders"), reply)
    expect.same("body_hash", row["body_hash"], hashlib.sha256(reply.request_body).hexdigest(), reply)
    expect.same(
        "status, location", (row["response_status"], row["response_location"]), (201, reply.headers["location"])
    )
    expect.same("body", str(row["response_body"]).encode(), reply.body, reply)


@check(
    "IDE11",
    "A twin of a request that does not end in time is told to come back: 409 with Retry-After.",
    source="contract §11.11",
    part="sample",
    needs={"settings", "admin", "sql"},
    databases={"postgresql", "mysql"},
)
def check_in_progress(spawn: Spawn) -> None:
    """The first request is played by the suite, which holds the key's row uncommitted."""
    service = spawn(DB_STATEMENT_TIMEOUT_MS="1500")
    people = spawn.people(service)
    admin, database = people.admin, service.database
    shop = Shop(people)
    body = shop.lines((shop.product(), 1))
    expect.status(_place(admin, body, "warm"), 201)
    row = database.one("SELECT * FROM idempotency_keys WHERE idempotency_key = 'warm'")
    now = dt.datetime.now(dt.UTC)
    with database.inserting(
        "idempotency_keys", row | {"id": _other_id(row["id"]), "idempotency_key": "held", "created_at": now}
    ):
        reply = _place(admin, body, "held")
        expect.problem(reply, 409, "idempotency-in-progress")
        expect.header(reply, "retry-after", "1")
        expect.that(0.5 < reply.seconds < 6, f"it took {reply.seconds:.1f} s", reply)
    expect.status(_place(admin, body, "held"), 201)
    expect.same("orders", database.count("orders"), 2)


def _other_id(value: object) -> object:
    new = uuid.uuid4()
    if isinstance(value, uuid.UUID):
        return new
    if isinstance(value, bytes):
        return new.bytes
    return str(new) if "-" in str(value) else new.hex


@check(
    "IDE12",
    "A twin waits for the first request and replays it.",
    source="contract §11.11",
    part="sample",
    needs={"settings", "admin", "sql"},
    databases={"postgresql", "mysql"},
)
def check_twin_waits(people: People, shop: Shop, database: Database) -> None:
    """Both are held up by a row that the suite locks for a second."""
    buyer, product = people.new(), shop.product()
    body = shop.lines((product, 1))
    replies: list[Reply] = []
    threads = [threading.Thread(target=lambda: replies.append(_place(buyer, body, "twin"))) for _ in range(2)]
    with database.hold("products", database.raw_id(product["id"])):
        for thread in threads:
            thread.start()
        time.sleep(1)
    for thread in threads:
        thread.join(20)
    expect.same("statuses", [reply.status for reply in replies], [201, 201], *replies)
    expect.same("bodies", replies[0].body, replies[1].body, *replies)
    expect.same("replays", sum("idempotency-replayed" in reply.headers for reply in replies), 1, *replies)
    expect.same("orders", len(database.rows("orders", user_id=buyer.id)), 1)
