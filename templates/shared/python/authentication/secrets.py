"""Secrets that the service hands out: refresh tokens and API keys, 256 random bits each."""

import hashlib
import re
import secrets
from uuid import UUID

API_KEY = re.compile(r"key_([0-9a-f]{32})_[A-Za-z0-9_-]{43}")


def new_refresh_token() -> str:
    return secrets.token_urlsafe(32)


def new_api_key(key_id: UUID) -> str:
    return f"key_{key_id.hex}_{secrets.token_urlsafe(32)}"


def hash_secret(secret: str) -> str:
    """What is stored: with this much chance in it, a plain hash cannot be turned back."""
    return hashlib.sha256(secret.encode()).hexdigest()


def id_of_api_key(key: str) -> UUID | None:
    match = API_KEY.fullmatch(key)
    return UUID(match[1]) if match else None
