import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { test } from 'node:test';

import { createMetrics } from '../../src/observability/metrics.ts';
import {
  type CachedReply,
  type CacheStore,
  createProductCache,
} from '../../src/products/product.cache.ts';

function createTestCache() {
  const kept = new Map<string, CachedReply>();
  const lives: number[] = [];
  let generation = 0;
  const store: CacheStore = {
    generation: () => Promise.resolve(generation),
    raiseGeneration() {
      generation++;
      return Promise.resolve();
    },
    get: (key) => Promise.resolve(kept.get(key)),
    set(key, reply, ttlSeconds) {
      kept.set(key, reply);
      lives.push(ttlSeconds);
      return Promise.resolve();
    },
  };
  const metrics = createMetrics({ idle: 0, used: 0 });
  return { cache: createProductCache({ store, ttlSeconds: 30, metrics }), kept, lives, metrics };
}

function countingLoad() {
  let calls = 0;
  return {
    get calls() {
      return calls;
    },
    load: async () => {
      const call = ++calls;
      await new Promise((resolve) => setImmediate(resolve));
      return { headers: {}, body: String(call) };
    },
  };
}

test('those who miss at the same time share one load, and who comes later is answered from it', async () => {
  const { cache, metrics } = createTestCache();
  const counting = countingLoad();
  const replies = await Promise.all([1, 2, 3].map(() => cache.reply('item:1', counting.load)));
  assert.deepEqual(
    replies.map(({ body }) => body),
    ['1', '1', '1'],
  );
  assert.equal((await cache.reply('item:1', counting.load)).body, '1');
  assert.equal(counting.calls, 1);
  assert.match(await metrics.registry.metrics(), /cache_requests_total\{outcome="hit"\} 1/);
  assert.match(await metrics.registry.metrics(), /cache_requests_total\{outcome="miss"\} 3/);
});

test('different names do not share', async () => {
  const { cache } = createTestCache();
  const counting = countingLoad();
  await cache.reply('item:1', counting.load);
  assert.equal((await cache.reply('item:2', counting.load)).body, '2');
});

test('what is kept has a key for the stack, the generation and the name, and a life', async () => {
  const { cache, kept, lives } = createTestCache();
  await cache.reply('item:1', countingLoad().load);
  await cache.invalidate();
  await cache.reply('item:1', countingLoad().load);
  const digest = hash('sha256', 'item:1');
  assert.deepEqual([...kept.keys()], [`cat:express:0:${digest}`, `cat:express:1:${digest}`]);
  assert.deepEqual(lives, [30, 30]);
});

test('what was read before a change is not what is answered after it', async () => {
  const { cache } = createTestCache();
  const counting = countingLoad();
  const before = cache.reply('item:1', counting.load);
  await cache.invalidate();
  assert.equal((await cache.reply('item:1', counting.load)).body, '2');
  assert.equal((await before).body, '1');
  assert.equal((await cache.reply('item:1', counting.load)).body, '2');
});

test('a load that fails is not kept', async () => {
  const { cache } = createTestCache();
  const failing = () => Promise.reject(new Error('failed'));
  await assert.rejects(cache.reply('item:1', failing));
  assert.equal((await cache.reply('item:1', countingLoad().load)).body, '1');
});
