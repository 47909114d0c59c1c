"""API keys: shown once, stored as a hash, limited, and gone when they are revoked."""

from __future__ import annotations

import hashlib
import re
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from scaffold.conformance import expect
from scaffold.conformance.database import earlier
from scaffold.conformance.registry import check

if TYPE_CHECKING:
    from scaffold.conformance.accounts import People
    from scaffold.conformance.client import Api
    from scaffold.conformance.database import Database
    from scaffold.conformance.exchange import Reply

FORM = re.compile(r"key_([0-9a-f]{32})_[A-Za-z0-9_-]{43}")


@check("KEY01", "The key is shown when it is made and never again.", source="ASVS 14.2.6; contract §2")
def check_shown_once(people: People) -> None:
    """Its form names its id."""
    account = people.new()
    created = account.api.post("/v1/api-keys", {"name": "Über-key", "scopes": ["profile:read"]})
    body = expect.status(created, 201).json()
    match = FORM.fullmatch(body["key"])
    expect.that(match is not None, "the key does not have the form key_<id>_<secret>", created)
    assert match is not None
    expect.same("the id in the key", match.group(1), body["id"].replace("-", ""), created)
    expect.same("name, scopes", [body["name"], body["scopes"]], ["Über-key", ["profile:read"]], created)
    shown = {name: value for name, value in body.items() if name != "key"}
    for reply in (account.api.get(f"/v1/api-keys/{body['id']}"), account.api.get("/v1/api-keys")):
        expect.status(reply, 200)
        expect.that(body["key"].rpartition("_")[2] not in reply.text, "the secret is shown again", reply)
    expect.same("GET", account.api.get(f"/v1/api-keys/{body['id']}").json(), shown)
    expect.same("list", account.api.get("/v1/api-keys").json(), {"items": [shown], "next_cursor": None})


@check(
    "KEY02",
    "The database holds the key's SHA-256 and nothing of its secret.",
    source="ASVS 6.5.2; contract §11.13",
    needs={"sql"},
)
def check_stored(people: People, database: Database) -> None:
    """In no column of any table."""
    key = people.key(people.new())
    row = database.row("api_keys", key["id"])
    expect.same("key_hash", row["key_hash"], hashlib.sha256(key["key"].encode()).hexdigest())
    secret = key["key"].split("_", 2)[2]
    expect.that(secret not in database.dump(), "the secret stands in the database")


@check("KEY03", "A key that is revoked is refused from the next request on.", source="ASVS 7.4.1")
def check_revoked(people: People, api: Api) -> None:
    """Its account's other keys stay."""
    account = people.new()
    first, second = people.key(account), people.key(account)
    expect.status(api.with_key(first["key"]).get("/v1/me"), 200)
    expect.status(account.api.delete(f"/v1/api-keys/{first['id']}"), 204)
    reply = api.with_key(first["key"]).get("/v1/me")
    expect.problem(reply, 401, "invalid-token")
    expect.challenge(reply, "invalid_token")
    expect.status(api.with_key(second["key"]).get("/v1/me"), 200)


@check("KEY04", "A key that has expired is refused.", source="contract §2")
def check_expired(people: People, api: Api) -> None:
    """It works until then."""
    soon = datetime.now(UTC) + timedelta(seconds=2)
    key = people.key(people.new(), expires_at=soon.strftime("%Y-%m-%dT%H:%M:%S.") + f"{soon.microsecond // 1000:03}Z")
    expect.status(api.with_key(key["key"]).get("/v1/me"), 200)
    time.sleep(2.1)
    expect.problem(api.with_key(key["key"]).get("/v1/me"), 401, "invalid-token")


@check(
    "KEY05",
    "last_used_at is null at first, then the time of use, moved at most once a minute.",
    source="contract §11.13",
    needs={"sql"},
)
def check_last_used(people: People, api: Api, database: Database) -> None:
    """Two uses, one after the other; then the minute is over, as the row has it."""
    account = people.new()
    key = people.key(account)
    expect.same("last_used_at at first", key["last_used_at"], None)
    path = f"/v1/api-keys/{key['id']}"
    expect.status(api.with_key(key["key"]).get("/v1/me"), 200)
    used = account.api.get(path).json()["last_used_at"]
    expect.that(used is not None, "last_used_at stays null")
    expect.that(abs(datetime.fromisoformat(used).timestamp() - time.time()) < 10, f"last_used_at is {used}")
    time.sleep(0.05)
    expect.status(api.with_key(key["key"]).get("/v1/me"), 200)
    expect.same("last_used_at after another use", account.api.get(path).json()["last_used_at"], used)
    row = database.raw_id(key["id"])
    for seconds, moves in ((50, False), (61, True)):
        before = earlier(database.row("api_keys", key["id"])["last_used_at"], seconds)
        database.execute("UPDATE api_keys SET last_used_at = %s WHERE id = %s", before, row)
        shown = account.api.get(path).json()["last_used_at"]
        expect.status(api.with_key(key["key"]).get("/v1/me"), 200)
        moved = account.api.get(path).json()["last_used_at"] != shown
        expect.same(f"whether a use after {seconds} s is noted", moved, moves)


@check(
    "KEY06", "A key that is not exactly right is refused, always in the same words.", source="ASVS 14.2.1; API2:2023"
)
def check_wrong_keys(people: People, api: Api) -> None:
    """One character off, cut, another's id, another's secret."""
    account = people.new()
    key, other = people.key(account)["key"], people.key(account)["key"]
    prefix, key_id, secret = key.split("_", 2)
    _, other_id, other_secret = other.split("_", 2)
    wrong = [
        key[:-1] + ("A" if key[-1] != "A" else "B"), key[:-1], f"{key}A", f"{prefix}_{key_id}_", f"{prefix}_{key_id}",
        f"{prefix}_{other_id}_{secret}", f"{prefix}_{key_id}_{other_secret}", key.upper(), secret, f"x{key}",
        f"{prefix}_{'0' * 32}_{secret}", "key_", "nonsense", "' OR 1=1 --",
    ]  # fmt: skip
    replies = [api.with_key(value).get("/v1/me") for value in wrong]
    for reply in replies:
        expect.problem(reply, 401, "invalid-token")
        expect.challenge(reply, "invalid_token")
        expect.same("the reply", _words(reply), _words(replies[0]), reply, replies[0])
    expect.status(api.with_key(key).get("/v1/me"), 200)


def _words(reply: Reply) -> dict[str, object]:
    return {name: value for name, value in reply.json().items() if name not in ("instance", "trace_id")}


@check("KEY07", "A key outlives logout and a change of password.", source="contract §11.13")
def check_key_stays(people: People, api: Api) -> None:
    """Sessions end, keys are revoked by name."""
    account = people.new()
    key = api.with_key(people.key(account)["key"])
    new = people.fresh_password()
    changed = account.api.post("/v1/me/password", {"current_password": account.password, "new_password": new})
    expect.status(changed, 204)
    expect.status(key.get("/v1/me"), 200)
    expect.status(people.login(account.email, new).api.post("/v1/auth/logout", {"all": True}), 204)
    expect.status(key.get("/v1/me"), 200)


@check("KEY08", "Keys are listed newest first, page by page.", source="contract §10; AIP-158")
def check_key_pages(people: People) -> None:
    """Seven keys in pages of three."""
    account = people.new()
    made = []
    for _ in range(7):
        made.append(people.key(account)["id"])
        time.sleep(0.002)
    seen: list[str] = []
    path: str | None = "/v1/api-keys?limit=3"
    pages = 0
    while path:
        reply = expect.status(account.api.get(path), 200)
        page = reply.json()
        seen += [item["id"] for item in page["items"]]
        pages += 1
        path = f"/v1/api-keys?limit=3&cursor={page['next_cursor']}" if page["next_cursor"] else None
    expect.same("keys", seen, made[::-1])
    expect.same("pages", pages, 3)
