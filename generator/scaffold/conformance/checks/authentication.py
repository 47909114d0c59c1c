"""Authentication: who is let in, and what somebody who is not learns."""

from __future__ import annotations

import statistics
import time
import uuid
from typing import TYPE_CHECKING

from scaffold.conformance import expect, keys
from scaffold.conformance.registry import check

if TYPE_CHECKING:
    from scaffold.conformance.accounts import People
    from scaffold.conformance.client import Api
    from scaffold.conformance.database import Database
    from scaffold.conformance.exchange import Reply
    from scaffold.conformance.openapi import OpenApi, Operation
    from scaffold.conformance.service import Launcher, Service

#: Operations that take a body; an empty object will do to see who is let in.
WITH_BODY = {
    "registerUser",
    "login",
    "refreshTokens",
    "createApiKey",
    "updateMe",
    "changePassword",
    "createProduct",
    "updateProduct",
    "placeOrder",
}


def _call(api: Api, operation: Operation) -> Reply:
    path = operation.path.replace("{id}", str(uuid.uuid4()))
    if operation.id in WITH_BODY:
        return api.request(operation.method, path, json={})
    return api.request(operation.method, path)


@check("AUT01", "An operation that asks for credentials is 401 without them.", source="ASVS 8.3.1; contract §11.3")
def check_protected(api: Api, openapi: OpenApi) -> None:
    """Every one of the contract's."""
    for operation in openapi.operations:
        if operation.security and operation.path != "/metrics":
            reply = _call(api, operation)
            expect.problem(reply, 401)
            expect.challenge(reply)


@check("AUT02", "A public operation never looks at credentials.", source="API9:2023; contract §11.2")
def check_public(api: Api, openapi: OpenApi, people: People) -> None:
    """Neither bad ones nor two at once change the reply's status."""
    key = people.key(people.new())["key"]
    callers = [
        api.with_token("nonsense"),
        api.with_headers(Authorization="Bearer"),
        api.with_headers(Authorization="Bearer x", X_API_Key="x"),
        api.with_key(key).with_token("nonsense"),
    ]
    for operation in openapi.operations:
        if operation.security:
            continue
        plain = _call(api, operation)
        expect.that(plain.status not in (401, 403), "a public operation asks for credentials", plain)
        for caller in callers:
            expect.same(f"status of {operation.id}", _call(caller, operation).status, plain.status, plain)


@check(
    "AUT03",
    "A scheme other than Bearer counts as no credential; a malformed Bearer is an invalid token.",
    source="RFC 6750 §2.1; contract §11.2",
)
def check_schemes(api: Api, people: People) -> None:
    """And the scheme's case does not matter."""
    token = people.new().session.access
    for value in ("Basic dXNlcjpwYXNz", f"Token {token}", f"JWT {token}", "Digest x", token):
        reply = api.get("/v1/me", headers={"Authorization": value})
        expect.problem(reply, 401)
        expect.challenge(reply)
    for value in (
        "Bearer",
        f"Bearer {token} {token}",
        f"Bearer {token},",
        "Bearer a b",
        "Bearer ...",
    ):
        reply = api.get("/v1/me", headers={"Authorization": value})
        expect.problem(reply, 401, "invalid-token")
        expect.challenge(reply, "invalid_token")
    for scheme in ("bearer", "BEARER", "Bearer"):
        expect.status(api.get("/v1/me", headers={"Authorization": f"{scheme} {token}"}), 200)


@check("AUT05", "A token or key anywhere but in its header is not seen.", source="RFC 6750 §2.3; ASVS 14.2.1")
def check_token_places(api: Api, people: People) -> None:
    """In the query, in a cookie, in a body."""
    account = people.new()
    token, key = account.session.access, people.key(account)["key"]
    for reply in (
        api.get("/v1/me", params={"access_token": token}),
        api.get("/v1/me", params={"api_key": key, "X-API-Key": key}),
        api.get("/v1/me", headers={"Cookie": f"access_token={token}; Authorization=Bearer {token}"}),
        api.get("/v1/me", headers={"Authorization": f"ApiKey {key}"}),
        api.patch("/v1/me", {"access_token": token}),
    ):
        expect.problem(reply, 401)
        expect.challenge(reply)


@check(
    "AUT04",
    "An unknown user and a wrong password draw the same bytes, in similar time.",
    source="OWASP Authentication Cheat Sheet; ASVS 6.3.8",
    needs={"unlimited"},
)
def check_login_tells_nothing(people: People, api: Api) -> None:
    """But for the ids; median of nine each."""
    account = people.new()

    def attempt(email: str) -> Reply:
        return api.post("/v1/auth/login", {"email": email, "password": "wrong password"})

    pairs = [(attempt(account.email), attempt(people.fresh_email())) for _ in range(9)]
    for known, unknown in pairs:
        expect.problem(known, 401, "invalid-credentials")
        expect.indistinguishable("the reply to an unknown user", unknown, known)
    known_time, unknown_time = (statistics.median(pair[side].seconds for pair in pairs) for side in (0, 1))
    expect.that(
        0.5 < unknown_time / known_time < 2,
        f"a wrong password takes {known_time * 1000:.0f} ms, an unknown user {unknown_time * 1000:.0f} ms",
    )


@check(
    "AUT14",
    "A disabled user draws the same bytes as a wrong password does.",
    source="OWASP Authentication Cheat Sheet",
    needs={"sql"},
)
def check_disabled_login(people: People, api: Api, database: Database) -> None:
    """With the right password."""
    account = people.new()
    wrong = api.post("/v1/auth/login", {"email": account.email, "password": "wrong password"})
    _disable(database, account.id)
    right = api.post("/v1/auth/login", {"email": account.email, "password": account.password})
    expect.problem(right, 401, "invalid-credentials")
    expect.indistinguishable("the reply to a disabled user", right, wrong)


def _disable(database: Database, user_id: str) -> None:
    active = database.row("users", user_id)["is_active"]
    off: object = False if isinstance(active, bool) else 0
    database.execute("UPDATE users SET is_active = %s WHERE id = %s", off, database.raw_id(user_id))


@check("AUT06", "Replies with credentials are no-store and set no cookie.", source="RFC 6749 §5.1; contract §1")
def check_no_store(people: People, api: Api) -> None:
    """Login, refresh, an API key."""
    account = people.new()
    login = api.post("/v1/auth/login", {"email": account.email, "password": account.password})
    for reply in (
        expect.status(login, 200),
        expect.status(people.refresh(people.session(login).refresh), 200),
        expect.status(account.api.post("/v1/api-keys", {"name": "n", "scopes": ["profile:read"]}), 201),
        expect.status(account.api.get("/v1/me"), 200),
    ):
        expect.header(reply, "cache-control", "no-store")
        expect.header(reply, "set-cookie", None)


@check(
    "AUT07",
    "A user who is disabled is out at once: tokens, refresh, keys and login.",
    source="ASVS 7.4.2",
    needs={"sql"},
)
def check_disabled(people: People, api: Api, database: Database) -> None:
    """While all of them are otherwise valid."""
    account = people.new()
    key = people.key(account)["key"]
    _disable(database, account.id)
    expect.problem(account.api.get("/v1/me"), 401, "invalid-token")
    expect.problem(people.refresh(account.session.refresh), 401, "invalid-refresh-token")
    expect.problem(api.with_key(key).get("/v1/me"), 401, "invalid-token")
    login = api.post("/v1/auth/login", {"email": account.email, "password": account.password})
    expect.problem(login, 401, "invalid-credentials")


@check("AUT08", "Two credentials at once are 400.", source="RFC 6750 §2; contract §3")
def check_two_credentials(people: People) -> None:
    """A good token and a good key."""
    account = people.new()
    both = account.api.with_key(people.key(account)["key"])
    expect.problem(both.get("/v1/me"), 400, "malformed-request")


@check(
    "AUT09",
    "An access token is a JWT as RFC 9068 has it, with the contract's claims.",
    source="RFC 9068 §2; contract §3, §11.13",
)
def check_token_form(people: People) -> None:
    """Header, claims, lifetime."""
    account = people.new()
    header, claims = keys.decode(account.session.access)
    expect.same("header", {name: header.get(name) for name in ("alg", "typ")}, {"alg": "RS256", "typ": "at+jwt"})
    expect.same("header names", set(header), {"alg", "typ", "kid"})
    wanted = {"iss", "aud", "sub", "client_id", "iat", "exp", "jti", "sid", "scope", "roles"}
    expect.same("claim names", set(claims), wanted)
    expect.same("sub", claims["sub"], account.id)
    expect.same("client_id", claims["client_id"], claims["aud"])
    expect.that(isinstance(claims["aud"], str), "aud is no string")
    expect.same("roles", claims["roles"], ["user"])
    iat, exp = claims["iat"], claims["exp"]
    expect.that(isinstance(iat, int) and isinstance(exp, int), "iat and exp are no integers")
    expect.that(abs(time.time() - int(str(iat))) < 10, "iat is not now")
    expect.that(uuid.UUID(str(claims["jti"])).version == 4, "jti is no UUID of version 4")


@check(
    "AUT10", "Lifetime, issuer and audience are those of the settings.", source="RFC 9068 §2.2", needs={"signing_key"}
)
def check_token_settings(people: People, api: Api, service: Service, forge: keys.TokenForge) -> None:
    """And expires_in says the lifetime."""
    account = people.new()
    reply = api.post("/v1/auth/login", {"email": account.email, "password": account.password})
    claims = people.session(reply).claims
    expect.same("lifetime", claims["exp"] - claims["iat"], 900, reply)
    expect.same("expires_in", reply.json()["expires_in"], 900, reply)
    expect.same("kid", keys.decode(reply.json()["access_token"])[0]["kid"], forge.key.thumbprint, reply)
    expect.same("iss", claims["iss"], service.settings["AUTH_ISSUER"], reply)
    expect.same("aud", claims["aud"], service.settings["AUTH_AUDIENCE"], reply)


@check(
    "AUT11",
    "A token carries every scope of its role and no other, in one string.",
    source="RFC 9068 §2.2.3.1; contract §3",
    needs={"admin"},
)
def check_scopes(people: People, answers: dict[str, object]) -> None:
    """A user's and an administrator's."""
    user = {"profile:read", "orders:read", "orders:write"} if answers.get("sample") else {"profile:read"}
    admin = user | ({"products:write"} if answers.get("sample") else set())
    for account, scopes, role in ((people.new(), user, "user"), (people.admin, admin, "admin")):
        scope = account.session.claims["scope"]
        expect.same(f"scopes of {role}", sorted(scope.split(" ")), sorted(scopes))
        expect.same("roles", account.session.claims["roles"], [role])


@check(
    "AUT12",
    "A fresh installation has the first administrator and nobody else.",
    source="ASVS 6.3.2",
    needs={"settings", "sql"},
)
def check_no_default_account(launcher: Launcher) -> None:
    """As made by `release`."""
    rows = launcher.new_database().query("SELECT email, role FROM users")
    expect.same("accounts", [(row["email"], row["role"]) for row in rows], [("admin@suite.example", "admin")])


@check("AUT13", "Who registers is a user, logged in by nothing but the password.", source="API3:2023")
def check_registration(people: People) -> None:
    """The reply is the account, without a token."""
    reply = expect.status(people.register(), 201)
    expect.same("role", reply.json()["role"], "user", reply)
    tokens = [name for name in reply.json() if "token" in name]
    expect.same("tokens in the reply", tokens, [], reply)
