"""Guessing passwords is limited per account and per address."""

import hashlib
from dataclasses import dataclass
from typing import Self

from django.conf import settings

from ..api.addresses import rate_limit_key
from ..observability.logging import log
from ..observability.metrics import AUTH_LOGIN_TOTAL, RATE_LIMIT_REJECTIONS_TOTAL
from ..problems.errors import RateLimitedError
from ..rate_limiting.counters import login_counters as counters
from ..rate_limiting.window import Window

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
        # The address first: an attacker who has used it up must not lock the account for others.
        if attempt.address_key:
            window = counters.hit(attempt.address_key, limit.seconds)
            if window.count > limit.count * ADDRESS_FACTOR:
                raise _refusal(window, address)
        window = counters.hit(attempt.account_key, limit.seconds)
        if window.count > limit.count:
            if attempt.address_key:
                counters.take_back(attempt.address_key)
            raise _refusal(window, address)
        return attempt

    def succeeded(self) -> None:
        counters.forget(self.account_key)
        if self.address_key:
            counters.take_back(self.address_key)


def _refusal(window: Window, address: str) -> RateLimitedError:
    RATE_LIMIT_REJECTIONS_TOTAL.labels(POLICY).inc()
    if address:  # else it was no login, but a change of password
        AUTH_LOGIN_TOTAL.labels("throttled").inc()
    log.warning("authn_login_fail_max", message="too many failed logins")
    return RateLimitedError(window.seconds_left)
