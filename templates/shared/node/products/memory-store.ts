import type { CachedReply, CacheStore } from './product.cache.ts';

const MAX_ENTRIES = 1000;

export function createMemoryStore(): CacheStore {
  const entries = new Map<string, { reply: CachedReply; end: number }>();
  let generation = 0;

  return {
    generation: () => Promise.resolve(generation),

    raiseGeneration() {
      generation++;
      entries.clear();
      return Promise.resolve();
    },

    get(key) {
      const entry = entries.get(key);
      return Promise.resolve(entry && entry.end > performance.now() ? entry.reply : undefined);
    },

    set(key, reply, ttlSeconds) {
      if (entries.size >= MAX_ENTRIES) {
        // The oldest half, to do so rarely.
        for (const old of [...entries.keys()].slice(0, MAX_ENTRIES / 2)) {
          entries.delete(old);
        }
      }
      entries.set(key, { reply, end: performance.now() + ttlSeconds * 1000 });
      return Promise.resolve();
    },
  };
}
