import type { RedisConnection } from '../redis/redis.ts';
import { type Counters, toWindow } from './counters.ts';

// The same in every service of a fleet: one round trip, and nothing between counting and expiring.
const HIT = `
local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return {count, redis.call('PTTL', KEYS[1])}
`;
const TAKE_BACK = `
if tonumber(redis.call('GET', KEYS[1]) or '0') > 0 then redis.call('DECR', KEYS[1]) end
`;

export function createRedisCounters(
  redis: RedisConnection,
  operation: 'rate_limit' | 'login_limit',
): Counters {
  return {
    async hit(key, seconds) {
      const options = { keys: [key], arguments: [String(seconds * 1000)] };
      const reply = await redis.run(operation, (client) => client.eval(HIT, options));
      const [count, millisecondsLeft] = reply as [number, number];
      return toWindow(count, millisecondsLeft, seconds);
    },

    async forget(key) {
      await redis.run(operation, (client) => client.del(key));
    },

    async takeBack(key) {
      await redis.run(operation, (client) => client.eval(TAKE_BACK, { keys: [key] }));
    },
  };
}
