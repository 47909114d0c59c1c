"""How passwords are stored, and which are refused."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import bcrypt
from argon2 import Type, extract_parameters
from argon2.exceptions import InvalidHashError
from django.conf import settings
from django.contrib.auth import password_validation
from django.contrib.auth.hashers import (
    Argon2PasswordHasher,
    BCryptPasswordHasher,
    check_password,
    make_password,
)
from django.core.exceptions import ValidationError

from ..problems.errors import UnavailableError

COMMON_PASSWORDS = Path(__file__).parent / "common_passwords.txt"
BCRYPT_BYTES = 72

# Each takes 19 MiB and a processor: more at once would only take memory.
_processors = threading.BoundedSemaphore(os.cpu_count() or 1)


@contextmanager
def _processor() -> Iterator[None]:
    if not _processors.acquire(timeout=settings.ENV.request_timeout):
        raise UnavailableError
    try:
        yield
    finally:
        _processors.release()


class Argon2idHasher(Argon2PasswordHasher):
    """19 MiB, two passes, one lane: OWASP's recommendation."""

    time_cost = 2
    memory_cost = 19 * 1024
    parallelism = 1

    def must_update(self, encoded: str) -> bool:
        """Weaker hashes are made again. Stronger ones, of another service of the fleet, are not."""
        try:
            has = extract_parameters(encoded.removeprefix("argon2"))
        except InvalidHashError:
            return False
        return (
            has.type is not Type.ID
            or has.memory_cost < self.memory_cost
            or has.time_cost < self.time_cost
        )

    def encode(self, password: str, salt: str) -> str:
        with _processor():
            return super().encode(password, salt)

    def verify(self, password: str, encoded: str) -> bool:
        try:
            with _processor():
                return super().verify(password, encoded)
        except InvalidHashError:  # what was imported is no hash, so nobody has its password
            return False


class ImportedBcryptHasher(BCryptPasswordHasher):
    """Hashes of a user table that was imported; the next login replaces them."""

    def verify(self, password: str, encoded: str) -> bool:
        # bcrypt never looked at more bytes than these; its library now refuses longer input.
        data = encoded.removeprefix("bcrypt$").encode()
        try:
            with _processor():
                return bcrypt.checkpw(password.encode()[:BCRYPT_BYTES], data)
        except ValueError:
            return False


class CommonPasswordValidator(password_validation.CommonPasswordValidator):
    """Compares the password as it is, where Django's own cuts blanks off."""

    def __init__(self) -> None:
        super().__init__(COMMON_PASSWORDS)

    def validate(self, password: str, user: Any = None) -> None:
        if password.lower() in self.passwords:
            raise ValidationError(self.get_error_message(), code="password_too_common")


@lru_cache(maxsize=1)
def _dummy_hash() -> str:
    return make_password("a password that nobody has")


def verify_nothing(password: str) -> None:
    """Takes as long as checking the password of an account that exists."""
    check_password(password, _dummy_hash())


def warm_up() -> None:
    _dummy_hash()
    password_validation.get_default_password_validators()
