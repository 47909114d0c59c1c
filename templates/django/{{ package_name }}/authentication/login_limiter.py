"""Guessing passwords is limited per account and per address."""

import hashlib
from dataclasses import dataclass
from typing import Self

from django.conf import settings

from ..api.addresses import rate_limit_key
from ..observability.logging import log
from ..observability.metrics import AUTH_LOGIN_TOTAL, RATE_LIMIT_REJECTIONS_TOTAL
from ..rate_limiting.counters import counters
from ..rate_limiting.errors import RateLimitedError

POLICY = "login"
# Many people may sit behind one address; they must not lock each other out.
ADDRESS_FACTOR = 20


@dataclass(frozen=True, slots=True)
class LoginAttempt:
    """Counted before the password is looked at, so that parallel guesses do not slip through."""

    account_key: str
    address_key: str = ""

    @classmethod
    def count(cls, email: str, address: str = "") -> Self:
        limit = settings.ENV.rate_limit_login
        account = f"rl:{POLICY}:{hashlib.sha256(email.encode()).hexdigest()}"
        attempt = cls(account, f"rl:{POLICY}:{rate_limit_key(address)}" if address else "")
        window = counters.hit(attempt.account_key, limit.seconds)
        refused = window.count > limit.count
        if not refused and attempt.address_key:
            window = counters.hit(attempt.address_key, limit.seconds)
            refused = window.count > limit.count * ADDRESS_FACTOR
        if refused:
            RATE_LIMIT_REJECTIONS_TOTAL.labels(POLICY).inc()
            if address:  # else it was no login, but a change of password
                AUTH_LOGIN_TOTAL.labels("throttled").inc()
            log.warning("authn_login_fail_max", message="too many failed logins")
            raise RateLimitedError(window.seconds_left)
        return attempt

    def succeeded(self) -> None:
        counters.forget(self.account_key)
        if self.address_key:
            counters.take_back(self.address_key)
