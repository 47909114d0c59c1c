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

from ..problems.errors import UnavailableError

# Whoever finds all of them in use waits for one; to be refused would look like Redis being down.
MAX_CONNECTIONS = 64
MAX_WAIT_SECONDS = 0.5
PAUSE_SECONDS = 1.0


class RedisDownError(UnavailableError):
    """Raised at once for a while after a failure: else each request would wait its time-out."""


class _Health:
    down_until = 0.0


@cache
def redis_client() -> Redis:
    wait = min(MAX_WAIT_SECONDS, settings.ENV.request_timeout)
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
def redis_or_unavailable() -> Iterator[Redis]:
    if time.monotonic() < _Health.down_until:
        raise RedisDownError
    try:
        yield redis_client()
    except RedisError as error:
        _Health.down_until = time.monotonic() + PAUSE_SECONDS
        raise RedisDownError from error


def ping_redis() -> None:
    redis_client().ping()
    _Health.down_until = 0.0
