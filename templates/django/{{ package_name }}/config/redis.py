"""The connection to Redis, which may be down at any time."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from django.conf import settings
from redis import BlockingConnectionPool, Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.retry import Retry

from ..observability.logging import log
from ..observability.metrics import REDIS_ERRORS_TOTAL
from ..problems.errors import UnavailableError

# Whoever finds all of them in use waits for one; to be refused would look like Redis being down.
MAX_CONNECTIONS = 64
PAUSE_SECONDS = 1.0
WARN_EVERY_SECONDS = 60.0


class RedisDownError(UnavailableError):
    """Raised at once for a while after a failure: else each request would wait its time-out."""


class _Health:
    down_until = 0.0
    warn_from = 0.0


@cache
def redis_client() -> Redis:
    wait = settings.REDIS_SECONDS
    pool = BlockingConnectionPool.from_url(
        settings.ENV.redis_url,
        max_connections=MAX_CONNECTIONS,
        timeout=wait,
        socket_timeout=wait,
        socket_connect_timeout=wait,
        # A connection that Redis closed while it was idle fails once; a fresh one takes its place.
        retry=Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError,)),
    )
    return Redis(connection_pool=pool)


@contextmanager
def redis_or_unavailable(operation: str = "") -> Iterator[Redis]:
    """`operation` names what has to do without Redis, or cannot be done, where it is down."""
    if time.monotonic() < _Health.down_until:
        raise _failure(operation)
    try:
        yield redis_client()
    except RedisError as error:
        _Health.down_until = time.monotonic() + PAUSE_SECONDS
        raise _failure(operation) from error


def _failure(operation: str) -> RedisDownError:
    now = time.monotonic()
    if operation:
        REDIS_ERRORS_TOTAL.labels(operation).inc()
    if now >= _Health.warn_from:
        _Health.warn_from = now + WARN_EVERY_SECONDS
        log.warning("sys_dependency_fail", message="Redis does not answer")
    return RedisDownError()


def ping_redis() -> None:
    redis_client().ping()
    _Health.down_until = 0.0
