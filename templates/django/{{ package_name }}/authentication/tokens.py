"""Access tokens: signed JWTs (RFC 9068), and the key set that verifies them."""

import time
from dataclasses import dataclass
from functools import cache
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.core.signals import setting_changed
from django.dispatch import receiver
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import GuestProtocol, RSAKey
from joserfc.jws import JWSRegistry

from ..api.values import UUID_TEXT
from .access import scopes_of
from .models import Session

# Never read from a token (RFC 8725 §3.1).
ALGORITHM = "RS256"
TYPES = {"at+jwt", "application/at+jwt"}
# Parameters of the header that nobody knows are no fault (RFC 7515 §4), unless they are critical.
_REGISTRY = JWSRegistry(algorithms=[ALGORITHM], strict_check_header=False)
LEEWAY_SECONDS = 5
# The longest life the settings allow; a token that claims more is not one of ours.
MAX_LIFE_SECONDS = 86400


class BadTokenError(Exception):
    pass


@dataclass(frozen=True, slots=True)
class AccessToken:
    session_id: UUID
    user_id: UUID
    scopes: frozenset[str]


@cache
def _keys() -> dict[str, RSAKey]:
    """By kid (RFC 7638 thumbprint), the one that signs first."""
    keys = [settings.ENV.auth_jwt_private_key, *settings.ENV.auth_jwt_previous_public_keys]
    return {key.thumbprint(): key for key in keys}


@receiver(setting_changed)
def _forget_keys(**_: object) -> None:
    _keys.cache_clear()


def issue_access_token(session: Session) -> str:
    kid, key = next(iter(_keys().items()))
    issued_at = int(time.time())
    role = session.user.role
    claims = {
        "iss": settings.ENV.auth_issuer,
        "aud": settings.ENV.auth_audience,
        "sub": str(session.user_id),
        "client_id": settings.ENV.auth_audience,
        "iat": issued_at,
        "exp": issued_at + settings.ENV.auth_access_ttl_seconds,
        "jti": str(uuid4()),
        "sid": str(session.pk),
        "scope": " ".join(scopes_of(role)),
        "roles": [role],
    }
    return jwt.encode({"alg": ALGORITHM, "typ": "at+jwt", "kid": kid}, claims, key)


def read_access_token(text: str) -> AccessToken:
    try:
        token = jwt.decode(text, _key_of, registry=_REGISTRY)
        expected = _claims_registry(settings.ENV.auth_issuer, settings.ENV.auth_audience)
        expected.validate(token.claims)
    except (JoseError, ValueError, TypeError, RecursionError) as error:
        raise BadTokenError from error
    claims = token.claims
    if (
        str(token.header.get("typ")).lower() not in TYPES
        or not isinstance(claims["exp"], int)
        or claims["exp"] > time.time() + MAX_LIFE_SECONDS + LEEWAY_SECONDS
        or not all(
            isinstance(claims[name], str) and UUID_TEXT.fullmatch(claims[name])
            for name in ("sub", "sid")
        )
    ):
        raise BadTokenError
    return AccessToken(
        session_id=UUID(claims["sid"]),
        user_id=UUID(claims["sub"]),
        scopes=frozenset(str(claims.get("scope", "")).split()),
    )


def _key_of(token: GuestProtocol) -> RSAKey:
    """Only keys of our own: what a token says of keys (jwk, jku, x5u) is not looked at."""
    header = token.headers()
    kid = header.get("kid")
    key = _keys().get(kid) if isinstance(kid, str) else None
    if key is None or "crit" in header:
        raise BadTokenError
    return key


@cache
def _claims_registry(issuer: str, audience: str) -> jwt.JWTClaimsRegistry:
    return jwt.JWTClaimsRegistry(
        leeway=LEEWAY_SECONDS,
        iss={"essential": True, "value": issuer},
        aud={"essential": True, "value": audience},
        sub={"essential": True},
        sid={"essential": True},
        exp={"essential": True},
        iat={"essential": True},
    )


def key_set() -> dict[str, Any]:
    """The public keys (RFC 7517)."""
    return {"keys": [_public(kid, key) for kid, key in _keys().items()]}


def _public(kid: str, key: RSAKey) -> dict[str, Any]:
    parts = key.as_dict(private=False)
    return {
        "kty": "RSA",
        "use": "sig",
        "alg": ALGORITHM,
        "kid": kid,
        "n": parts["n"],
        "e": parts["e"],
    }
