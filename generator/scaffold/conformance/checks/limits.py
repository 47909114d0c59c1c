"""Rate limits: the default limit for every caller, its headers, its window, and whom it counts."""

from __future__ import annotations

import secrets
import time
import uuid
from typing import TYPE_CHECKING

import pytest

from scaffold.conformance import contract, expect, keys, workers
from scaffold.conformance.client import together
from scaffold.conformance.registry import check
from scaffold.conformance.service import ORIGIN

if TYPE_CHECKING:
    from collections.abc import Callable

    from scaffold.conformance.accounts import People
    from scaffold.conformance.client import Api
    from scaffold.conformance.exchange import Reply
    from scaffold.conformance.fixtures import Spawn
    from scaffold.conformance.service import Launcher, Service

_QUOTA, _WINDOW = 10, 60
_PUBLIC = "/v1/unknown"
"""An unknown path of the API: public, and counted."""


@pytest.fixture(scope="module")
def limited(spawn_shared: Spawn) -> Service:
    """Ten requests in a minute; addresses are told by X-Forwarded-For."""
    return spawn_shared(RATE_LIMIT_DEFAULT=f"{_QUOTA}/{_WINDOW}", TRUSTED_PROXIES="127.0.0.1, 10.0.0.0/8")


@pytest.fixture(scope="module")
def limited_people(spawn_shared: Spawn, limited: Service) -> People:
    """The accounts of the limited service."""
    return spawn_shared.people(limited)


_addresses = iter(f"198.51.100.{number}" for number in range(1, 255))


def _from(service: Service, address: str | None = None) -> Api:
    """A caller whose address nobody used before, or the one given."""
    return service.api().with_headers(X_Forwarded_For=address or next(_addresses))


def _remaining(reply: Reply) -> tuple[int, int]:
    """`r` and `t` of the RateLimit header, after a look at the form of both headers."""
    policy, limit = (reply.headers.get(name, "") for name in ("ratelimit-policy", "ratelimit"))
    expect.same("item of RateLimit-Policy", policy.partition(";")[0].strip(), '"default"', reply)
    expect.same("item of RateLimit", limit.partition(";")[0].strip(), '"default"', reply)
    expect.same("RateLimit-Policy", expect.parameters(policy), {"q": str(_QUOTA), "w": str(_WINDOW)}, reply)
    values = expect.parameters(limit)
    expect.that(
        set(values) == {"r", "t"} and all(v.isdigit() for v in values.values()), "expected r and t in RateLimit", reply
    )
    return int(values["r"]), int(values["t"])


def _exhaust(api: Api) -> None:
    for _ in range(_QUOTA):
        expect.problem(api.get(_PUBLIC), 404)


@check(
    "OPS09",
    "Of many requests at once exactly the quota passes.",
    source="draft-ietf-httpapi-ratelimit-headers; OWASP API4:2023",
    needs={"settings"},
)
def check_exactly_the_quota(limited: Service) -> None:
    api = _from(limited)
    replies = together([lambda: api.get(_PUBLIC) for _ in range(40)])
    passed = [reply for reply in replies if reply.status != 429]
    expect.same("requests that passed", len(passed), _QUOTA, *passed[_QUOTA : _QUOTA + 1])
    left = sorted(_remaining(reply)[0] for reply in passed)
    expect.same("remaining quota of those that passed", left, list(range(_QUOTA)))
    for reply in replies:
        if reply.status == 429:
            expect.problem(reply, 429, "rate-limited")


@check(
    "RAT01",
    "Every counted reply tells quota, window, what is left and when it resets.",
    source="draft-ietf-httpapi-ratelimit-headers; contract 1, 11.8",
    needs={"settings"},
)
def check_headers(limited: Service) -> None:
    api = _from(limited)
    requests: list[Callable[[], Reply]] = [
        lambda: api.get(_PUBLIC),
        lambda: api.get("/v1/me"),
        lambda: api.request("PUT", "/v1/auth/login"),
        lambda: api.post("/v1/auth/login", {}),
        lambda: api.post("/v1/auth/login", content=b"{", media_type="application/json"),
        lambda: api.post("/v1/auth/login", content=b"x", media_type="text/plain"),
    ]
    resets = []
    for number, request in enumerate(requests, start=1):
        reply = request()
        left, reset = _remaining(reply)
        expect.same("r", left, _QUOTA - number, reply)
        expect.that(1 <= reset <= _WINDOW, f"expected t of 1 to {_WINDOW}", reply)
        resets.append(reset)
    expect.same("t, which never grows", resets, sorted(resets, reverse=True))


@check(
    "RAT02",
    "Beyond the quota: 429 with Retry-After, and the headers still tell the truth.",
    source="RFC 6585 §4; contract 11.8",
    needs={"settings"},
)
def check_refusal(limited: Service) -> None:
    api = _from(limited)
    _exhaust(api)
    reply = api.get(_PUBLIC)
    expect.problem(reply, 429, "rate-limited")
    left, reset = _remaining(reply)
    expect.same("r", left, 0, reply)
    expect.same("Retry-After", reply.headers.get("retry-after"), str(reset), reply)
    expect.header(reply, "Cache-Control", "no-store")


@check(
    "RAT03",
    "The window is fixed from the first request; after it the whole quota is back.",
    source="contract 11.8",
    needs={"settings"},
)
def check_window(spawn: Spawn) -> None:
    window = 3
    api = _from(spawn(RATE_LIMIT_DEFAULT=f"{_QUOTA}/{window}", TRUSTED_PROXIES="127.0.0.1"))
    started = time.monotonic()
    _exhaust(api)
    time.sleep(max(0.0, started + window * 0.6 - time.monotonic()))
    # Neither these nor their refusals move the end of the window.
    expect.status(api.get(_PUBLIC), 429)
    time.sleep(max(0.0, started + window + 0.5 - time.monotonic()))
    reply = expect.status(api.get(_PUBLIC), 404)
    left = expect.parameters(reply.headers.get("ratelimit", ""))["r"]
    expect.same("r in the new window", left, str(_QUOTA - 1), reply)


@check(
    "RAT04",
    "Each user and each address has a quota of its own.",
    source="contract 11.8; OWASP API4:2023",
    needs={"settings"},
)
def check_per_principal(limited: Service, limited_people: People) -> None:
    first, second = limited_people.new(), limited_people.new()
    address = next(_addresses)
    callers = {
        name: _from(limited, address).with_token(account.session.access)
        for name, account in (("first", first), ("second", second))
    }
    for _ in range(_QUOTA):
        expect.status(callers["first"].get("/v1/me"), 200)
    expect.status(callers["first"].get("/v1/me"), 429)
    # Neither the other user nor the address behind both has spent anything, and another address does not help.
    expect.same("r", _remaining(expect.status(callers["second"].get("/v1/me"), 200))[0], _QUOTA - 1)
    expect.same("r", _remaining(expect.status(_from(limited, address).get(_PUBLIC), 404))[0], _QUOTA - 1)
    expect.status(_from(limited).with_token(first.session.access).get("/v1/me"), 429)


@check(
    "RAT05",
    "Public operations are counted on the address, whatever credential is sent.",
    source="contract 11.2, 11.8",
    needs={"settings"},
)
def check_public_operations(limited: Service, limited_people: People) -> None:
    user = limited_people.new()
    address = next(_addresses)
    _exhaust(_from(limited, address))
    expect.status(_from(limited, address).with_token(user.session.access).get(_PUBLIC), 429)


@check(
    "RAT06",
    "Probes, metrics, documents and preflights are not counted.",
    source="contract 11.8",
    needs={"settings", "metrics_token"},
)
def check_exempt(limited: Service) -> None:
    api = _from(limited)
    preflight = {"Origin": ORIGIN, "Access-Control-Request-Method": "GET"}
    for path in ("/livez", "/readyz", "/metrics", "/openapi.json", "/.well-known/jwks.json", "/unknown"):
        for _ in range(3):
            reply = api.get(path)
            expect.that(reply.status != 429, "expected no limit here", reply)
            expect.header(reply, "RateLimit", None)
    for _ in range(_QUOTA + 1):
        expect.status(api.request("OPTIONS", "/v1/me", headers=preflight), 204)
    expect.same("r", _remaining(api.get(_PUBLIC))[0], _QUOTA - 1)


@check(
    "RAT07",
    "The address is the first from the right that is no trusted proxy.",
    source="contract 3, 11.16; OWASP API4:2023",
    needs={"settings"},
)
def check_forwarded_chain(limited: Service) -> None:
    address = next(_addresses)
    _exhaust(_from(limited, address))
    for chain in (address, f"192.0.2.1, {address}", f"{address}, 10.1.2.3", f"not an address, {address},10.0.0.1"):
        expect.status(_from(limited, chain).get(_PUBLIC), 429)
    expect.status(_from(limited, f"{address}, {next(_addresses)}").get(_PUBLIC), 404)
    # Unparsable where a client should stand: the last trusted peer is counted, not a fresh name each time.
    for number in range(_QUOTA):
        _from(limited, f"{address}, forged-{number}, 10.9.9.9").get(_PUBLIC)
    expect.status(_from(limited, "forged-again, 10.9.9.9").get(_PUBLIC), 429)


@check("RAT08", "An IPv6 address is counted by its /64.", source="contract 11.8", needs={"settings"})
def check_ipv6(limited: Service) -> None:
    for number in range(_QUOTA):
        expect.status(_from(limited, f"2001:db8:1:2::{number + 1:x}").get(_PUBLIC), 404)
    expect.status(_from(limited, "2001:db8:1:2:ffff::1").get(_PUBLIC), 429)
    expect.status(_from(limited, "2001:db8:1:3::1").get(_PUBLIC), 404)


@check(
    "RAT09",
    "From a peer that is no trusted proxy X-Forwarded-For changes nothing, whether others are trusted or nobody is.",
    source="contract 3; ASVS 2.4.1",
    needs={"settings"},
)
@pytest.mark.parametrize("trusted", [None, "192.0.2.1"], ids=["nobody", "others"])
def check_spoofed_address(spawn: Spawn, trusted: str | None) -> None:
    service = spawn(RATE_LIMIT_DEFAULT="5/60", TRUSTED_PROXIES=trusted)
    for number in range(5):
        expect.status(_from(service, f"203.0.113.{number}").get(_PUBLIC), 404)
    expect.status(_from(service, "203.0.113.99").get(_PUBLIC), 429)


@check(
    "RAT10", "Several processes share one quota.", source="contract 5, 11.8", needs={"settings", "redis"}, part="redis"
)
def check_shared_between_processes(spawn: Spawn, launcher: Launcher) -> None:
    service = spawn(RATE_LIMIT_DEFAULT="20/60", WEB_CONCURRENCY="2")
    pids = workers.serving(service)
    wanted = 2 if contract.stack(launcher.project.stack).several_workers else 1
    expect.same("number of processes that answer", len(pids), wanted)
    replies = workers.in_turn(service, pids, [lambda: service.api().get(_PUBLIC)] * 30)
    passed = [reply.status for each in replies for reply in each if reply.status != 429]
    expect.same("requests that passed, of 30 through each process", passed, [404] * 20)


@check(
    "RAT11",
    "In Redis the counter has the name and the life that all stacks share.",
    source="contract 11.8",
    needs={"settings", "redis"},
    part="redis",
)
def check_keys_in_redis(limited: Service) -> None:
    address = next(_addresses)
    api = _from(limited, address)
    for _ in range(3):
        api.get(_PUBLIC)
    assert limited.redis is not None
    key = contract.redis_key("rl:default:a:{address}", address=address)
    expect.same(f"value of {key}", limited.redis.get(key), b"3")
    life = limited.redis.pttl(key)
    expect.that(0 < life <= _WINDOW * 1000, f"expected {key} to live at most {_WINDOW} s, got {life} ms")


@check(
    "RAT12",
    "A port in X-Forwarded-For is left off.",
    source="contract 11.16",
    needs={"settings"},
)
def check_ports(limited: Service) -> None:
    address = next(_addresses)
    for number in range(_QUOTA):
        expect.status(_from(limited, f"{address}:{4711 + number}").get(_PUBLIC), 404)
    for chain in (address, f"{address}:1", f"192.0.2.1:5, {address}:80, 10.1.2.3:9"):
        expect.status(_from(limited, chain).get(_PUBLIC), 429)
    for number in range(_QUOTA):
        expect.status(_from(limited, f"[2001:db8:7:7::{number}]:443").get(_PUBLIC), 404)
    for chain in ("2001:db8:7:7::99", "[2001:db8:7:7::99]", "[2001:db8:7:7::99]:1"):
        expect.status(_from(limited, chain).get(_PUBLIC), 429)


@check(
    "RAT13",
    "What is left of the window is never more than the window.",
    source="draft-ietf-httpapi-ratelimit-headers; contract 11.8",
    needs={"settings"},
)
def check_reset_within_window(limited: Service) -> None:
    api = limited.api()
    for number in range(150):
        # At the first request of a window all of it is left, but for what rounding adds.
        reply = api.get(_PUBLIC, headers={"X-Forwarded-For": f"2001:db8:13:{number:x}::1"})
        left, reset = _remaining(reply)
        expect.same("r", left, _QUOTA - 1, reply)
        expect.that(_WINDOW - 1 <= reset <= _WINDOW, f"expected t of {_WINDOW}, got {reset}", reply)


@check(
    "RAT14",
    "Credentials that are unknown are counted on the address, and refused before the database is asked.",
    source="contract 11.8; OWASP API4:2023",
    needs={"settings", "sql"},
)
def check_unknown_credentials(limited: Service) -> None:
    unknown = f"key_{uuid.uuid4().hex}_{keys.base64url(secrets.token_bytes(32))}"
    api = _from(limited)
    for number in range(_QUOTA):
        caller = api.with_key(unknown) if number % 2 else api.with_token("nonsense")
        reply = caller.get("/v1/me")
        expect.problem(reply, 401, "invalid-token")
        expect.same("r", _remaining(reply)[0], _QUOTA - 1 - number, reply)
    limited.database.execute("ALTER TABLE api_keys RENAME TO api_keys_away")
    try:
        refused = api.with_key(unknown).get("/v1/me")
    finally:
        limited.database.execute("ALTER TABLE api_keys_away RENAME TO api_keys")
    expect.problem(refused, 429, "rate-limited")
