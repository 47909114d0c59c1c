"""Sessions and refresh: a login opens a session; rotation, reuse, logout and time end it, at once and for good."""

from __future__ import annotations

import hashlib
import time
from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from scaffold.conformance import expect
from scaffold.conformance.client import meanwhile, together
from scaffold.conformance.registry import check

if TYPE_CHECKING:
    from scaffold.conformance.accounts import People, Session
    from scaffold.conformance.client import Api
    from scaffold.conformance.database import Database
    from scaffold.conformance.fixtures import Spawn
    from scaffold.conformance.service import Service


def _alive(session: Session) -> None:
    expect.status(session.api.get("/v1/me"), 200)


def _dead(session: Session, people: People) -> None:
    reply = session.api.get("/v1/me")
    expect.problem(reply, 401, "invalid-token")
    expect.challenge(reply, "invalid_token")
    expect.problem(people.refresh(session.refresh), 401, "invalid-refresh-token")


@check("SES01", "A refresh gives a new pair of the same session, and spends the old token.", source="RFC 9700 §4.14.2")
def check_refresh_rotates(people: People) -> None:
    user = people.new()
    reply = expect.status(people.refresh(user.session.refresh), 200)
    renewed = people.session(reply)
    expect.same("members", list(reply.json()), ["access_token", "token_type", "expires_in", "refresh_token"], reply)
    expect.same("token_type", reply.json()["token_type"], "Bearer", reply)
    expect.that(renewed.refresh != user.session.refresh, "expected another refresh token", reply)
    expect.that(renewed.access != user.session.access, "expected another access token", reply)
    expect.same("sid of the new token", renewed.id, user.session.id, reply)
    expect.that(renewed.claims["jti"] != user.session.claims["jti"], "expected another jti", reply)
    _alive(renewed)
    # The access token issued before lives on until it expires: rotation is not a logout.
    _alive(user.session)


@check("SES02", "A spent refresh token that comes back ends the whole session.", source="RFC 9700 §4.14.2; ASVS 10.4.5")
def check_reuse_ends_the_session(people: People) -> None:
    user = people.new()
    other = people.login(user.email, user.password)
    renewed = people.session(expect.status(people.refresh(user.session.refresh), 200))
    expect.problem(people.refresh(user.session.refresh), 401, "invalid-refresh-token")
    _dead(renewed, people)
    _alive(other)


@check(
    "SES03",
    "Of parallel refreshes with one token at most one gives a new pair.",
    source="RFC 9700 §4.14.2; contract 11.13",
)
def check_parallel_refreshes(people: People, api: Api) -> None:
    user = people.new()
    replies = together([lambda: people.refresh(user.session.refresh) for _ in range(8)])
    expect.that(
        sum(reply.status == 200 for reply in replies) <= 1,
        f"expected at most one 200, got {sorted(reply.status for reply in replies)}",
        *replies,
    )
    for reply in replies:
        if reply.status != 200:
            expect.problem(reply, 401, "invalid-refresh-token")
    # Seven uses of a spent token: the session is over, whoever won.
    expect.problem(api.with_token(user.session.access).get("/v1/me"), 401, "invalid-token")


@check("SES04", "Logout ends its session at once, and no other.", source="ASVS 7.4.1")
def check_logout(people: People) -> None:
    user = people.new()
    other = people.login(user.email, user.password)
    reply = expect.status(user.api.post("/v1/auth/logout", {}), 204)
    expect.same("body", reply.body, b"", reply)
    _dead(user.session, people)
    _alive(other)


@check("SES05", "Logout with `all` ends all sessions of the account, and none of another.", source="ASVS 7.4.1, 7.4.5")
def check_logout_everywhere(people: People) -> None:
    user, stranger = people.new(), people.new()
    other = people.login(user.email, user.password)
    expect.status(user.api.post("/v1/auth/logout", {"all": True}), 204)
    _dead(user.session, people)
    _dead(other, people)
    _alive(stranger.session)
    _alive(people.login(user.email, user.password))


@check("SES06", "Logout needs no body, and a body of `all: false` is the same.", source="contract 11.1")
@pytest.mark.parametrize("body", ["none", "empty object", "all false"])
def check_logout_bodies(people: People, body: str) -> None:
    user = people.new()
    other = people.login(user.email, user.password)
    if body == "none":
        reply = user.api.post("/v1/auth/logout")
    else:
        reply = user.api.post("/v1/auth/logout", {} if body == "empty object" else {"all": False})
    expect.status(reply, 204)
    _dead(user.session, people)
    _alive(other)


@check("SES07", "A password change ends all other sessions; its own lives on.", source="ASVS 7.4.3")
def check_password_change(people: People, api: Api) -> None:
    user = people.new()
    other = people.login(user.email, user.password)
    new = people.fresh_password()
    body = {"current_password": user.password, "new_password": new}
    expect.status(user.api.post("/v1/me/password", body), 204)
    _alive(user.session)
    _dead(other, people)
    expect.status(people.refresh(user.session.refresh), 200)
    old = api.post("/v1/auth/login", {"email": user.email, "password": user.password})
    expect.problem(old, 401, "invalid-credentials")
    people.login(user.email, new)


@check("SES08", "Each login has a session, a token id and a refresh token of its own.", source="ASVS 7.2.3, 7.2.4")
def check_logins_differ(people: People) -> None:
    user = people.new()
    sessions = [user.session, *(people.login(user.email, user.password) for _ in range(4))]
    expect.same("distinct sid", len({session.id for session in sessions}), len(sessions))
    expect.same("distinct jti", len({session.claims["jti"] for session in sessions}), len(sessions))
    for session in sessions:
        jti = str(session.claims["jti"])
        expect.same("version of jti", UUID(jti).version, 4)
        expect.that(expect.UUID7.fullmatch(session.id), f"expected sid to be a UUID of version 7, got {session.id}")


@check(
    "SES09", "Refresh tokens are 43 base64url characters of randomness.", source="ASVS 7.2.3, 11.5.1; contract 11.13"
)
def check_refresh_token_entropy(people: People) -> None:
    user = people.new()
    token, tokens = user.session.refresh, []
    for _ in range(60):
        token = people.session(expect.status(people.refresh(token), 200)).refresh
        tokens.append(token)
    for token in tokens:
        expect.that(
            len(token) == 43 and set(token) <= _BASE64URL, f"expected 43 characters of base64url, got {token!r}"
        )
    # 256 bits leave the last character 16 values; every other place should show many of its 64.
    for place in range(42):
        seen = len({token[place] for token in tokens})
        expect.that(seen > 15, f"character {place} takes only {seen} values in {len(tokens)} tokens")


_BASE64URL = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


@check(
    "SES10", "The database holds a refresh token as its SHA-256 alone.",
    source="ASVS 6.5.2, 11.4.1; contract 11.13", needs={"sql"},
)  # fmt: skip
def check_refresh_token_at_rest(people: People, database: Database) -> None:
    user = people.new()
    token = user.session.refresh
    digest = hashlib.sha256(token.encode()).hexdigest()
    rows = database.rows("refresh_tokens", token_hash=digest)
    expect.same("rows with the token's SHA-256", len(rows), 1)
    expect.that(token not in database.dump(), "the refresh token itself stands in the database")


@check("SES11", "An access token is no refresh token, nor the reverse.", source="RFC 8725 §3.12")
def check_tokens_are_not_interchangeable(people: People, api: Api) -> None:
    user = people.new()
    # An access token may be longer than a refresh token may be; either fault is a refusal.
    reply = people.refresh(user.session.access)
    if reply.status != 422:
        expect.problem(reply, 401, "invalid-refresh-token")
    expect.problem(api.with_token(user.session.refresh).get("/v1/me"), 401, "invalid-token")
    _alive(user.session)


@check("SES12", "An unknown refresh token is refused with the bare challenge.", source="RFC 6750 §3; contract 11.3")
def check_unknown_refresh_token(people: People) -> None:
    for token in ("x", "A" * 43, "A" * 512, "é" * 43):
        reply = people.refresh(token)
        expect.problem(reply, 401, "invalid-refresh-token")
        expect.challenge(reply)


@check(
    "SES14", "Sessions and revocations outlive a restart.",
    source="The Twelve-Factor App VI; ASVS 7.4.1", needs={"process", "settings"}, shares="restarts",
)  # fmt: skip
def check_restart_keeps_sessions(spawn: Spawn) -> None:
    first = spawn()
    people = spawn.people(first)
    user = people.new()
    ended = people.login(user.email, user.password)
    expect.status(ended.api.post("/v1/auth/logout"), 204)
    first.stop()
    again = spawn(target=first.database)
    people = spawn.people(again)
    api = again.api()
    expect.status(api.with_token(user.session.access).get("/v1/me"), 200)
    expect.problem(api.with_token(ended.access).get("/v1/me"), 401, "invalid-token")
    expect.problem(people.refresh(ended.refresh), 401, "invalid-refresh-token")
    expect.status(people.refresh(user.session.refresh), 200)


@pytest.fixture(scope="module")
def short_lived(spawn_shared: Spawn) -> Service:
    """A service whose sessions end while one waits."""
    return spawn_shared(AUTH_ACCESS_TTL_SECONDS="2", AUTH_REFRESH_IDLE_SECONDS="4", AUTH_REFRESH_MAX_SECONDS="9")


@check(
    "SES15", "Access tokens expire, and `expires_in` says when.",
    source="ASVS 9.2.1; contract 5", needs={"settings"}, shares="session lifetimes",
)  # fmt: skip
def check_access_tokens_expire(short_lived: Service, spawn: Spawn) -> None:
    people = spawn.people(short_lived)
    user = people.new()
    claims = user.session.claims
    expect.same("exp - iat", claims["exp"] - claims["iat"], 2)
    reply = people.refresh(user.session.refresh)
    expect.same("expires_in", reply.json()["expires_in"], 2, reply)
    # The leeway is 5 s (contract, section 11, 13): accepted within, refused beyond it.
    time.sleep(max(0.0, claims["exp"] + 6.2 - time.time()))
    expect.problem(user.api.get("/v1/me"), 401, "invalid-token")


@check(
    "SES16", "A session that is not refreshed in time ends.",
    source="ASVS 7.3.1", needs={"settings"}, shares="session lifetimes",
)  # fmt: skip
def check_idle_sessions_end(short_lived: Service, spawn: Spawn) -> None:
    people = spawn.people(short_lived)
    user, busy = people.new(), people.new()
    token = busy.session.refresh
    for _ in range(2):
        time.sleep(2.4)
        token = expect.status(people.refresh(token), 200).json()["refresh_token"]
    # Idle for longer than 4 s, while the other was kept busy for as long.
    expect.problem(people.refresh(user.session.refresh), 401, "invalid-refresh-token")
    expect.problem(user.api.get("/v1/me"), 401, "invalid-token")


@check(
    "SES17", "However often it is refreshed, a session ends at its maximum age.",
    source="ASVS 7.3.2, 10.4.8", needs={"settings"}, shares="session lifetimes",
)  # fmt: skip
def check_sessions_have_a_maximum_age(short_lived: Service, spawn: Spawn) -> None:
    people = spawn.people(short_lived)
    user = people.new()
    started = time.monotonic()
    token = user.session.refresh
    while time.monotonic() - started < 7.0:
        time.sleep(2.0)
        reply = expect.status(people.refresh(token), 200)
        token = reply.json()["refresh_token"]
    access = reply.json()["access_token"]
    time.sleep(max(0.0, started + 10.0 - time.monotonic()))
    expect.problem(people.refresh(token), 401, "invalid-refresh-token")
    expect.problem(short_lived.api().with_token(access).get("/v1/me"), 401, "invalid-token")


@check("SES19", "Refresh ignores an Authorization header: it is a public operation.", source="contract 11.2")
def check_refresh_is_public(people: People, api: Api) -> None:
    user = people.new()
    broken = api.with_token("not.a.token")
    expect.status(broken.post("/v1/auth/refresh", {"refresh_token": user.session.refresh}), 200)


@check(
    "SES20",
    "A refresh that waits for its token sees that somebody else has spent it, and ends the session.",
    source="RFC 9700 §4.14.2; ASVS 2.3.4",
    needs={"sql"},
)
def check_refresh_sees_use(people: People, database: Database) -> None:
    user = people.new()
    spent = "UPDATE refresh_tokens SET used_at = created_at WHERE session_id = %s"
    change = database.changing(spent, database.raw_id(user.session.id))
    reply = meanwhile(change, lambda: people.refresh(user.session.refresh))
    expect.problem(reply, 401, "invalid-refresh-token")
    expect.problem(user.api.get("/v1/me"), 401, "invalid-token")
