import { type RedisConnection, RedisDownError } from '../redis/redis.ts';
import type { CachedReply, CacheStore } from './product.cache.ts';

const GENERATION = 'cat:gen';

export function createRedisStore(redis: RedisConnection): CacheStore {
  /** What is committed or read is good without Redis too. */
  async function tolerate(work: Promise<unknown>): Promise<void> {
    try {
      await work;
    } catch (error) {
      if (!(error instanceof RedisDownError)) {
        throw error;
      }
    }
  }

  return {
    async generation() {
      return Number(await redis.run('cache', (client) => client.get(GENERATION)));
    },

    async raiseGeneration() {
      // What is cached lives no longer than CACHE_TTL_SECONDS.
      await tolerate(redis.run('cache', (client) => client.incr(GENERATION)));
    },

    async get(key) {
      const text = await redis.run('cache', (client) => client.get(key));
      return text === null ? undefined : (JSON.parse(text) as CachedReply);
    },

    async set(key, reply, ttlSeconds) {
      const expiration = { type: 'EX', value: ttlSeconds } as const;
      const text = JSON.stringify(reply);
      await tolerate(redis.run('cache', (client) => client.set(key, text, { expiration })));
    },
  };
}
