from ..config.redis import RedisDownError, redis_or_unavailable
from ..observability.logging import log

GENERATION = "cat:gen"


class RedisStore:
    def generation(self) -> int:
        with redis_or_unavailable("cache") as client:
            return int(client.get(GENERATION) or 0)

    def raise_generation(self) -> None:
        try:
            with redis_or_unavailable("cache") as client:
                client.incr(GENERATION)
        except RedisDownError:
            # The change is committed; what is cached lives no longer than CACHE_TTL_SECONDS.
            log.warning("", message="the catalogue's cache could not be told of a change")

    def get(self, key: str) -> bytes | None:
        with redis_or_unavailable("cache") as client:
            data = client.get(key)
        return data.encode() if isinstance(data, str) else data

    def set(self, key: str, data: bytes, seconds: int) -> None:
        try:
            with redis_or_unavailable("cache") as client:
                client.set(key, data, ex=seconds)
        except RedisDownError:
            log.debug("", message="a reply could not be cached")
