import type { Logger } from '../observability/log.ts';
import { type RedisConnection, RedisDownError } from '../redis/redis.ts';
import type { CachedReply, CacheStore } from './product.cache.ts';

const GENERATION = 'cat:gen';

export function createRedisStore(redis: RedisConnection, log: Logger): CacheStore {
  /** What is committed or read is good without Redis too. */
  async function tolerate(work: Promise<unknown>, complaint: string): Promise<void> {
    try {
      await work;
    } catch (error) {
      if (!(error instanceof RedisDownError)) {
        throw error;
      }
      log.warn(complaint);
    }
  }

  return {
    async generation() {
      return Number(await redis.run((client) => client.get(GENERATION)));
    },

    async raiseGeneration() {
      // What is cached lives no longer than CACHE_TTL_SECONDS.
      const work = redis.run((client) => client.incr(GENERATION));
      await tolerate(work, 'the cache could not be told of a change');
    },

    async get(key) {
      const text = await redis.run((client) => client.get(key));
      return text === null ? undefined : (JSON.parse(text) as CachedReply);
    },

    async set(key, reply, ttlSeconds) {
      const expiration = { type: 'EX', value: ttlSeconds } as const;
      const work = redis.run((client) => client.set(key, JSON.stringify(reply), { expiration }));
      await tolerate(work, 'a reply could not be cached');
    },
  };
}
