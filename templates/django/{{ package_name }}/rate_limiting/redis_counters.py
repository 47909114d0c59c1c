from ..config.redis import redis_or_unavailable
from .window import Window

# The same in every service of a fleet: one round trip, and nothing between counting and expiring.
HIT = """
local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return {count, redis.call('PTTL', KEYS[1])}
"""
TAKE_BACK = """
if tonumber(redis.call('GET', KEYS[1]) or '0') > 0 then redis.call('DECR', KEYS[1]) end
"""


class RedisCounters:
    def __init__(self, operation: str) -> None:
        self.operation = operation

    def hit(self, key: str, seconds: int) -> Window:
        with redis_or_unavailable(self.operation) as client:
            count, milliseconds_left = client.register_script(HIT)([key], [seconds * 1000])
        return Window(count, milliseconds_left)

    def peek(self, key: str) -> Window:
        with redis_or_unavailable() as client:
            pipeline = client.pipeline(transaction=False)
            pipeline.get(key)
            pipeline.pttl(key)
            count, milliseconds_left = pipeline.execute()
        return Window(int(count or 0), milliseconds_left)

    def forget(self, key: str) -> None:
        with redis_or_unavailable(self.operation) as client:
            client.delete(key)

    def take_back(self, key: str) -> None:
        with redis_or_unavailable(self.operation) as client:
            client.register_script(TAKE_BACK)([key])
