"""The suite's own signing keys, and access tokens forged with them."""

from __future__ import annotations

import base64
import json
import time
import uuid
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from joserfc.jwk import RSAKey

if TYPE_CHECKING:
    from collections.abc import Mapping


def base64url(data: bytes) -> str:
    """Unpadded base64url (RFC 7515 §2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def from_base64url(text: str) -> bytes:
    """The bytes of unpadded base64url."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def decode(token: str) -> tuple[dict[str, object], dict[str, object]]:
    """Header and claims of a compact JWS, unverified."""
    header, claims, _ = token.split(".")
    return json.loads(from_base64url(header)), json.loads(from_base64url(claims))


@dataclass(frozen=True)
class SigningKey:
    """An RSA key, in the forms that settings and attacks need."""

    private: rsa.RSAPrivateKey

    @classmethod
    def generate(cls, bits: int = 2048) -> SigningKey:
        """A new key."""
        return cls(rsa.generate_private_key(public_exponent=65537, key_size=bits))

    @classmethod
    def from_pem(cls, pem: str) -> SigningKey:
        """The key of a PEM text."""
        key = serialization.load_pem_private_key(pem.encode(), password=None)
        if not isinstance(key, rsa.RSAPrivateKey):
            msg = "not an RSA key"
            raise TypeError(msg)
        return cls(key)

    @cached_property
    def pem(self) -> str:
        """PKCS #8 PEM, as `AUTH_JWT_PRIVATE_KEY` takes it."""
        return self.private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode()

    @cached_property
    def public_pem(self) -> str:
        """SPKI PEM, as `AUTH_JWT_PREVIOUS_PUBLIC_KEYS` takes it."""
        return (
            self.private.public_key()
            .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
            .decode()
        )

    @cached_property
    def public_der(self) -> bytes:
        """SPKI DER."""
        return self.private.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    @cached_property
    def public_jwk(self) -> dict[str, object]:
        """The public key as a JWK (RFC 7517)."""
        return dict(RSAKey.import_key(self.public_pem).as_dict(private=False))

    @cached_property
    def thumbprint(self) -> str:
        """RFC 7638 SHA-256 thumbprint, which the contract takes as `kid`."""
        return str(RSAKey.import_key(self.public_pem).thumbprint())

    def sign(self, data: bytes, algorithm: str = "RS256") -> bytes:
        """An RSA signature by one of JWA's RSA algorithms (RFC 7518 §3.3, §3.5)."""
        digest = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}[algorithm[2:]]
        if algorithm.startswith("PS"):
            return self.private.sign(
                data, padding.PSS(mgf=padding.MGF1(digest), salt_length=digest.digest_size), digest
            )
        return self.private.sign(data, padding.PKCS1v15(), digest)


@dataclass(frozen=True)
class TokenForge:
    """Makes access tokens as the service does (RFC 9068), and with every deviation asked for."""

    key: SigningKey
    issuer: str
    audience: str

    def claims(self, user_id: str, session_id: str, **changes: object) -> dict[str, object]:
        """Right claims for a user's session; a change to None leaves the claim out."""
        now = int(time.time())
        claims: dict[str, object] = {
            "iss": self.issuer,
            "aud": self.audience,
            "sub": user_id,
            "client_id": self.audience,
            "iat": now,
            "exp": now + 600,
            "jti": str(uuid.uuid4()),
            "sid": session_id,
            "scope": "profile:read orders:read orders:write",
            "roles": ["user"],
        } | changes
        return {name: value for name, value in claims.items() if value is not None}

    def header(self, **changes: object) -> dict[str, object]:
        """A right header; a change to None leaves the parameter out."""
        header: dict[str, object] = {"alg": "RS256", "typ": "at+jwt", "kid": self.key.thumbprint} | changes
        return {name: value for name, value in header.items() if value is not None}

    def token(self, claims: Mapping[str, object], header: Mapping[str, object] | None = None) -> str:
        """A compact JWS of these claims, rightly signed by RS256 whatever the header says."""
        signed = signing_input(header if header is not None else self.header(), claims)
        return f"{signed}.{base64url(self.key.sign(signed.encode()))}"


def signing_input(header: Mapping[str, object], claims: Mapping[str, object]) -> str:
    """What a compact JWS signs (RFC 7515 §5.1)."""
    return f"{base64url(json.dumps(header).encode())}.{base64url(json.dumps(claims).encode())}"
