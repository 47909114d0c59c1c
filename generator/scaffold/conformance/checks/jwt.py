"""JWT attacks: access tokens forged in every known way, with the service's own key where that helps."""

from __future__ import annotations

import hashlib
import hmac
import json
import socket
import threading
import time
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from scaffold.conformance import expect, keys
from scaffold.conformance.keys import SigningKey, base64url, signing_input
from scaffold.conformance.network import LOOPBACK
from scaffold.conformance.registry import check

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from scaffold.conformance.accounts import Account, People, Shop
    from scaffold.conformance.client import Api
    from scaffold.conformance.fixtures import Spawn
    from scaffold.conformance.keys import TokenForge
    from scaffold.conformance.logbook import Logbook
    from scaffold.conformance.service import Launcher

_NEEDS = {"signing_key", "logs"}


@dataclass
class Attacker:
    """Knows a user's live session, and so isolates one fault at a time."""

    forge: TokenForge
    user: Account
    api: Api
    logs: Logbook

    def claims(self, **changes: object) -> dict[str, object]:
        """Right claims but for the changes."""
        return self.forge.claims(self.user.id, self.user.session.id, **changes)

    def token(self, claims: Mapping[str, object] | None = None, **header: object) -> str:
        """A rightly signed token with these claims and header parameters."""
        return self.forge.token(claims if claims is not None else self.claims(), self.forge.header(**header))

    def accepted(self, token: str) -> None:
        """Expect the token to open the user's account."""
        reply = expect.status(self.api.with_token(token).get("/v1/me"), 200)
        expect.same("id", reply.json()["id"], self.user.id, reply)

    def refused(self, token: str) -> None:
        """Expect `invalid-token`, and one line in the log."""
        mark = self.logs.mark()
        reply = self.api.with_token(token).get("/v1/me")
        expect.problem(reply, 401, "invalid-token")
        expect.challenge(reply, "invalid_token")
        self.logs.access(reply.request_id)
        lines = [line for line in self.logs.lines(mark) if line.get("event") == "authn_token_invalid"]
        expect.same("log lines authn_token_invalid", len(lines), 1, reply)
        expect.same("level", lines[0]["level"], "warn", reply)


@pytest.fixture(scope="module")
def attacker(forge: TokenForge, people: People, logs: Logbook) -> Attacker:
    """Proven able to forge: else each refusal below would prove nothing."""
    found = Attacker(forge, people.new(), people.target.api(), logs)
    found.accepted(found.token())
    return found


@check(
    "JWT01",
    "A token without a signature is refused, however `none` is spelt.",
    source="RFC 8725 §3.1; ASVS 9.1.2",
    needs=_NEEDS,
)
@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE", "", None, "RS256"])
def check_unsigned(attacker: Attacker, algorithm: str | None) -> None:
    header = attacker.forge.header(alg=algorithm)
    attacker.refused(signing_input(header, attacker.claims()) + ".")


@check("JWT02", "A MAC made with the public key is refused.", source="RFC 8725 §2.1, §3.1", needs=_NEEDS)
@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
@pytest.mark.parametrize("form", ["pem", "pem without newline", "der", "jwk", "empty"])
def check_algorithm_confusion(attacker: Attacker, algorithm: str, form: str) -> None:
    key = attacker.forge.key
    secret = {
        "pem": key.public_pem.encode(),
        "pem without newline": key.public_pem.strip().encode(),
        "der": key.public_der,
        "jwk": json.dumps(key.public_jwk).encode(),
        "empty": b"",
    }[form]
    signed = signing_input(attacker.forge.header(alg=algorithm), attacker.claims())
    digest = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}[algorithm]
    attacker.refused(f"{signed}.{base64url(hmac.digest(secret, signed.encode(), digest))}")


@check(
    "JWT03",
    "A key inside the token is not trusted.",
    source="RFC 8725 §3.1; RFC 7515 §4.1.3; CVE-2018-0114",
    needs=_NEEDS,
)
@pytest.mark.parametrize("kid", ["the service's", "the attacker's", "none"])
def check_embedded_key(attacker: Attacker, kid: str) -> None:
    foreign = SigningKey.generate()
    forge = keys.TokenForge(foreign, attacker.forge.issuer, attacker.forge.audience)
    identifier = {"the service's": attacker.forge.key.thumbprint, "the attacker's": foreign.thumbprint, "none": None}[
        kid
    ]
    attacker.refused(forge.token(attacker.claims(), forge.header(jwk=foreign.public_jwk, kid=identifier)))


@contextmanager
def _listener() -> Iterator[tuple[int, list[bytes]]]:
    """A port that notes who calls."""
    calls: list[bytes] = []
    with socket.create_server((LOOPBACK, 0)) as server:

        def accept() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    calls.append(b"connected")

        threading.Thread(target=accept, daemon=True).start()
        yield server.getsockname()[1], calls
        server.shutdown(socket.SHUT_RDWR)


@check(
    "JWT04", "A URL inside the token is neither trusted nor fetched.", source="RFC 8725 §3.10; ASVS 9.1.3", needs=_NEEDS
)
@pytest.mark.parametrize("parameter", ["jku", "x5u"])
def check_key_urls(attacker: Attacker, parameter: str) -> None:
    foreign = SigningKey.generate()
    forge = keys.TokenForge(foreign, attacker.forge.issuer, attacker.forge.audience)
    with _listener() as (port, calls):
        url = f"http://{LOOPBACK}:{port}/keys.json"
        attacker.refused(forge.token(attacker.claims(), forge.header(**{parameter: url})))
        attacker.refused(
            forge.token(attacker.claims(), forge.header(**{parameter: url, "kid": attacker.forge.key.thumbprint}))
        )
        time.sleep(0.2)
    expect.that(not calls, f"the service called the URL in `{parameter}`")


_KIDS = {
    "unknown": "A" * 43,
    "empty": "",
    "path": "../../../../dev/null",
    "SQL": "' OR 1=1--",
    "URL": "http://attacker.example/key",
    "NUL": "\0",
    "long": "k" * 2000,
    "number": 1,
    "list": ["x"],
    "object": {"x": 1},
    "true": True,
}


@check(
    "JWT05", "An unknown, missing or hostile `kid` is refused.", source="RFC 8725 §3.10; contract 11.13", needs=_NEEDS
)
@pytest.mark.parametrize("kid", [*_KIDS, "missing", "null"])
def check_kid(attacker: Attacker, kid: str) -> None:
    if kid == "missing":
        attacker.refused(attacker.token(kid=None))
        return
    header = attacker.forge.header() | {"kid": _KIDS.get(kid)}
    attacker.refused(attacker.forge.token(attacker.claims(), header))


@check("JWT06", "Any change to a signed token makes it void.", source="ASVS 9.1.1; RFC 7515 §5.2", needs=_NEEDS)
@pytest.mark.parametrize(
    "change",
    ["claims", "header", "signature cut", "bit flipped", "signature of another token", "signature of another key",
     "fourth part", "two parts", "padding", "line break", "PSS signature"],
)  # fmt: skip
def check_tampering(attacker: Attacker, change: str) -> None:
    token = attacker.token()
    header, claims, signature = token.split(".")
    raw = keys.from_base64url(signature)
    flipped = bytes([raw[0] ^ 1]) + raw[1:]
    other = attacker.token(attacker.claims(jti=str(uuid.uuid4())))
    stronger = signing_input(attacker.forge.header(), attacker.claims(roles=["admin"])).split(".")[1]
    key = attacker.forge.key
    forged = {
        "claims": f"{header}.{stronger}.{signature}",
        "header": f"{signing_input(attacker.forge.header(x=1), {}).split('.')[0]}.{claims}.{signature}",
        "signature cut": f"{header}.{claims}.{base64url(raw[:-1])}",
        "bit flipped": f"{header}.{claims}.{base64url(flipped)}",
        "signature of another token": f"{header}.{claims}.{other.split('.')[2]}",
        "signature of another key": f"{header}.{claims}.{base64url(SigningKey.generate().sign(f'{header}.{claims}'.encode()))}",
        "fourth part": f"{token}.{signature}",
        "two parts": f"{header}.{claims}",
        "padding": f"{token}==",
        "line break": f"{header}.{claims}.{signature[:20]}%0A{signature[20:]}",
        "PSS signature": f"{header}.{claims}.{base64url(key.sign(f'{header}.{claims}'.encode(), 'PS256'))}",
    }[change]
    attacker.refused(forged)


@check(
    "JWT07",
    "A token outside its time is refused, and one whose time cannot be read.",
    source="ASVS 9.2.1; RFC 7519 §4.1.4",
    needs=_NEEDS,
)
@pytest.mark.parametrize(
    "case",
    [
        "expired",
        "expired long ago",
        "no exp",
        "null",
        "string",
        "huge",
        "true",
        "list",
        "not yet",
        "issued in the future",
    ],
)
def check_time(attacker: Attacker, case: str) -> None:
    now = int(time.time())
    claims = {
        "expired": attacker.claims(exp=now - 35, iat=now - 900),
        "expired long ago": attacker.claims(exp=1, iat=0),
        "no exp": attacker.claims(exp=None),
        "null": attacker.claims() | {"exp": None},
        "string": attacker.claims(exp=str(now + 600)),
        "huge": attacker.claims(exp=1e20),
        "true": attacker.claims(exp=True),
        "list": attacker.claims(exp=[now + 600]),
        "not yet": attacker.claims(nbf=now + 120),
        "issued in the future": attacker.claims(iat=now + 120, exp=now + 900),
    }[case]
    attacker.refused(attacker.token(claims))


@check("JWT08", "A token of another issuer is refused.", source="RFC 8725 §3.8; RFC 9068 §4", needs=_NEEDS)
@pytest.mark.parametrize("case", ["other", "missing", "trailing slash", "upper case", "list", "empty"])
def check_issuer(attacker: Attacker, case: str) -> None:
    issuer = attacker.forge.issuer
    value: object = {
        "other": "https://attacker.example",
        "missing": None,
        "trailing slash": f"{issuer}/",
        "upper case": issuer.upper(),
        "list": [issuer],
        "empty": "",
    }[case]
    attacker.refused(attacker.token(attacker.claims(iss=value)))


@check("JWT09", "A token for another audience is refused.", source="RFC 8725 §3.9; RFC 7519 §4.1.3", needs=_NEEDS)
@pytest.mark.parametrize("case", ["other", "missing", "list without us", "empty list", "prefix", "number"])
def check_audience(attacker: Attacker, case: str) -> None:
    audience = attacker.forge.audience
    value: object = {
        "other": "another",
        "missing": None,
        "list without us": ["another", "third"],
        "empty list": [],
        "prefix": audience[:-1],
        "number": 1,
    }[case]
    attacker.refused(attacker.token(attacker.claims(aud=value)))


@check(
    "JWT10",
    "A token of another type or algorithm is refused, though our key signed it.",
    source="RFC 9068 §4; RFC 8725 §3.11, §3.1",
    needs=_NEEDS,
)
@pytest.mark.parametrize(
    "case", ["JWT", "missing", "id+jwt", "at+jwt+x", "number", "RS384", "RS512", "PS256", "ES256", "rs256"]
)
def check_type_and_algorithm(attacker: Attacker, case: str) -> None:
    if case in ("RS384", "RS512", "PS256"):
        signed = signing_input(attacker.forge.header(alg=case), attacker.claims())
        attacker.refused(f"{signed}.{base64url(attacker.forge.key.sign(signed.encode(), case))}")
    elif case in ("ES256", "rs256"):
        attacker.refused(attacker.token(alg=case))
    else:
        attacker.refused(attacker.token(typ={"missing": None, "number": 1}.get(case, case)))


@check("JWT11", "A critical extension that nobody knows is refused.", source="RFC 7515 §4.1.11", needs=_NEEDS)
@pytest.mark.parametrize("case", ["unknown", "b64", "string"])
def check_critical(attacker: Attacker, case: str) -> None:
    header: dict[str, object] = {
        "unknown": {"crit": ["x-suite"], "x-suite": 1},
        "b64": {"crit": ["b64"], "b64": False},
        "string": {"crit": "exp"},
    }[case]  # type: ignore[assignment]
    attacker.refused(attacker.forge.token(attacker.claims(), attacker.forge.header(**header)))


@check(
    "JWT12",
    "What is no signed JWT of claims is refused, and never breaks the service.",
    source="RFC 8725 §3.1; ASVS 9.1.1",
    needs=_NEEDS,
)
@pytest.mark.parametrize(
    "case",
    ["garbage", "dots", "JWE", "header no JSON", "header list", "claims list", "claims string", "claims nested",
     "claims no UTF-8", "NaN", "nested JWT", "number"],
)  # fmt: skip
def check_malformed(attacker: Attacker, case: str) -> None:
    key = attacker.forge.key

    def signed(header: bytes, claims: bytes) -> str:
        text = f"{base64url(header)}.{base64url(claims)}"
        return f"{text}.{base64url(key.sign(text.encode()))}"

    header = json.dumps(attacker.forge.header()).encode()
    claims = json.dumps(attacker.claims()).encode()
    jwe = base64url(b'{"alg":"RSA-OAEP","enc":"A256GCM","typ":"at+jwt"}')
    forged = {
        "garbage": "x",
        "dots": "..",
        "JWE": f"{jwe}.AAAA.AAAA.AAAA.AAAA",
        "header no JSON": signed(b"{", claims),
        "header list": signed(b"[]", claims),
        "claims list": signed(header, b"[]"),
        "claims string": signed(header, b'"x"'),
        "claims nested": signed(header, b"[" * 2000 + b"]" * 2000),
        "claims no UTF-8": signed(header, b'{"sub":"\xff"}'),
        "NaN": signed(header, claims.replace(b'"exp": ', b'"exp": NaN, "x": ')),
        "nested JWT": attacker.forge.token(attacker.claims(), attacker.forge.header(cty="JWT")) + "x",
        "number": "12345",
    }[case]
    attacker.refused(forged)


@check(
    "JWT13",
    "A token speaks only for the live session and the user it names.",
    source="contract 3; ASVS 7.4.1, 8.2.2",
    needs=_NEEDS,
)
@pytest.mark.parametrize(
    "case",
    ["unknown session", "no session", "malformed session", "session of another user", "unknown user", "no user",
     "malformed user", "number as user", "ended session"],
)  # fmt: skip
def check_subject(attacker: Attacker, people: People, case: str) -> None:
    other = people.new()
    changes: dict[str, object] = {
        "unknown session": {"sid": str(uuid.uuid4())},
        "no session": {"sid": None},
        "malformed session": {"sid": "' OR 1=1--"},
        "session of another user": {"sid": other.session.id},
        "unknown user": {"sub": str(uuid.uuid4())},
        "no user": {"sub": None},
        "malformed user": {"sub": "../admin"},
        "number as user": {"sub": 1},
        "ended session": {"sub": other.id, "sid": other.session.id},
    }[case]  # type: ignore[assignment]
    if case == "ended session":
        expect.status(other.api.post("/v1/auth/logout"), 204)
    attacker.refused(attacker.token(attacker.claims(**changes)))


@check(
    "JWT14",
    "Forms of a right token that the standards allow are accepted.",
    source="RFC 9068 §4; RFC 7519 §4.1.3, §4.1.4",
    needs=_NEEDS,
)
@pytest.mark.parametrize(
    "case", ["application/at+jwt", "audience in a list", "more claims", "more header", "clock skew"]
)
def check_accepted_forms(attacker: Attacker, case: str) -> None:
    now = int(time.time())
    token = {
        "application/at+jwt": lambda: attacker.token(typ="application/at+jwt"),
        "audience in a list": lambda: attacker.token(attacker.claims(aud=["another", attacker.forge.audience])),
        "more claims": lambda: attacker.token(attacker.claims(nonce="x", auth_time=now)),
        "more header": lambda: attacker.token(x="y"),
        "clock skew": lambda: attacker.token(attacker.claims(exp=now - 2, iat=now + 2)),
    }[case]()
    attacker.accepted(token)


@check("JWT15", "After a change of key, tokens of the previous key are accepted while it is configured, and no longer.",
       source="RFC 9700 §4.14; contract 5", needs={"signing_key", "settings"}, shares="restarts")  # fmt: skip
def check_key_rotation(spawn: Spawn, launcher: Launcher) -> None:
    old, new = launcher.key, SigningKey.generate()
    first = spawn()
    user = spawn.people(first).new()
    expect.same("kid", keys.decode(user.session.access)[0]["kid"], old.thumbprint)
    first.stop()

    second = spawn(target=first.database, AUTH_JWT_PRIVATE_KEY=new.pem, AUTH_JWT_PREVIOUS_PUBLIC_KEYS=old.public_pem)
    expect.status(second.api().with_token(user.session.access).get("/v1/me"), 200)
    again = spawn.people(second).login(user.email, user.password)
    expect.same("kid of a new token", keys.decode(again.access)[0]["kid"], new.thumbprint)
    published = second.api().get("/.well-known/jwks.json")
    kids = {entry["kid"] for entry in published.json()["keys"]}
    expect.same("published kids", kids, {old.thumbprint, new.thumbprint}, published)
    # The previous key's private half may be known to others by now: what it signs is still bound to a session.
    second.stop()

    third = spawn(target=first.database, AUTH_JWT_PRIVATE_KEY=new.pem)
    expect.problem(third.api().with_token(user.session.access).get("/v1/me"), 401, "invalid-token")
    expect.status(third.api().with_token(again.access).get("/v1/me"), 200)


@check("JWT16", "Roles and scopes in a token never lift its user above the user's own.", source="contract 3; ASVS 8.3.1", needs={"signing_key", "admin"}, part="sample")  # fmt: skip
def check_claims_do_not_lift(attacker: Attacker, shop: Shop) -> None:
    scope = "profile:read orders:read orders:write products:write"
    token = attacker.token(attacker.claims(roles=["admin"], scope=scope))
    reply = attacker.api.with_token(token).post("/v1/products", shop.product_body())
    expect.problem(reply, 403, "insufficient-scope")


@check(
    "JWT17",
    "A token with fewer scopes than its user reaches less far.",
    source="RFC 9068 §5; RFC 6750 §3.1",
    needs={"signing_key"},
)
def check_scope_is_honoured(attacker: Attacker) -> None:
    reply = attacker.api.with_token(attacker.token(attacker.claims(scope="orders:read"))).get("/v1/me")
    expect.problem(reply, 403, "insufficient-scope")
    expect.challenge(reply, "insufficient_scope")


@check(
    "JWT18",
    "The published key set is public halves only, named by thumbprint, and verifies a fresh token.",
    source="RFC 7517; RFC 7638; contract 1, 3",
)
def check_published_keys(people: People, api: Api) -> None:
    reply = expect.status(api.get("/.well-known/jwks.json"), 200)
    expect.header(reply, "Cache-Control", "public, max-age=300")
    token = people.new().session.access
    header, _ = keys.decode(token)
    found = [entry for entry in reply.json()["keys"] if entry["kid"] == header["kid"]]
    expect.same("keys with the token's kid", len(found), 1, reply)
    for entry in reply.json()["keys"]:
        expect.same("members", set(entry), {"kty", "use", "alg", "kid", "n", "e"}, reply)
        expect.same("kid", entry["kid"], RSAKey.import_key(entry).thumbprint(), reply)
        expect.that(len(keys.from_base64url(entry["n"])) * 8 >= 2048, "expected at least 2048 bits", reply)
    verified = jwt.decode(token, RSAKey.import_key(found[0]), algorithms=["RS256"])
    expect.same("verified kid", verified.header["kid"], header["kid"])


@check(
    "JWT21",
    "`kid` and `sub` are strings; anything else there is refused, even what reads alike.",
    source="RFC 7515 §4.1.4; RFC 7519 §4.1.2; contract 11.26",
    needs=_NEEDS,
)
def check_types_of_names(attacker: Attacker) -> None:
    thumbprint = attacker.forge.key.thumbprint
    for kid in ([thumbprint], {"0": thumbprint}, [[thumbprint]], 0, True, None, "", thumbprint + "\n"):
        header = attacker.forge.header() | {"kid": kid}
        attacker.refused(attacker.forge.token(attacker.claims(), header))
    user = attacker.claims()["sub"]
    for sub in (
        [user],
        {"0": user},
        0,
        True,
        None,
        "",
        str(user).upper(),
        f"{user} ",
        f"{{{user}}}",
        f"urn:uuid:{user}",
    ):
        attacker.refused(attacker.forge.token(attacker.claims() | {"sub": sub}))
