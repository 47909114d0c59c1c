import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createLoginLimiter } from '../../src/auth/login-limiter.ts';
import { createMetrics } from '../../src/observability/metrics.ts';
import type { Counters } from '../../src/rate-limiting/counters.ts';
import { RateLimitedError } from '../../src/rate-limiting/limiter.ts';
import { createTestLog } from '../support/log.ts';

const ADDRESS = '192.0.2.1';
// Many people behind one address may err twenty times as often as one.
const OF_ADDRESS = 40;

function createTestLimiter() {
  const counts = new Map<string, number>();
  const add = (key: string, more: number) => {
    counts.set(key, (counts.get(key) ?? 0) + more);
    return counts.get(key) ?? 0;
  };
  const counters: Counters = {
    hit: (key) => Promise.resolve({ count: add(key, 1), secondsLeft: 7 }),
    forget: (key) => Promise.resolve(void counts.delete(key)),
    takeBack: (key) => Promise.resolve(void add(key, -1)),
  };
  const metrics = createMetrics({ idle: 0, used: 0 });
  const { log, lines } = createTestLog();
  const limiter = createLoginLimiter({ limit: { count: 2, seconds: 60 }, counters, metrics, log });
  const count = (email: string, address?: string) => limiter.count(email, address);
  return { count, counts, lines, metrics };
}

const isRefusal = (error: unknown) =>
  error instanceof RateLimitedError && error.headers['Retry-After'] === '7';

test('an account may be tried so often, from wherever', async () => {
  const { count, lines, metrics } = createTestLimiter();
  await count('ada@example.com', ADDRESS);
  await count('ada@example.com');
  await assert.rejects(count('ada@example.com', '192.0.2.2'), isRefusal);
  await count('grace@example.com', ADDRESS);
  assert.deepEqual(
    lines.map(({ event }) => event),
    ['authn_login_fail_max'],
  );
  assert.match(await metrics.registry.metrics(), /rejections_total\{policy="login"\} 1/);
});

test('an address may try so often, whichever account, and who has used it up locks no account', async () => {
  const { count } = createTestLimiter();
  for (let account = 0; account < OF_ADDRESS; account++) {
    await count(`${account}@example.com`, ADDRESS);
  }
  for (let attempt = 0; attempt < 3; attempt++) {
    await assert.rejects(count('ada@example.com', ADDRESS), isRefusal);
  }
  await count('ada@example.com', '192.0.2.2');
});

test('who is right is forgiven what was wrong before, and not held against the address', async () => {
  const { count, counts } = createTestLimiter();
  await count('ada@example.com', ADDRESS);
  const succeed = await count('ada@example.com', ADDRESS);
  await succeed();
  assert.deepEqual([...counts.values()], [1]);
  await (
    await count('ada@example.com')
  )();
  assert.deepEqual([...counts], [['rl:login:a:192.0.2.1', 1]]);
});

test('attempts on an account that is locked are not held against the address', async () => {
  const { count, counts } = createTestLimiter();
  await count('ada@example.com');
  await count('ada@example.com');
  await assert.rejects(count('ada@example.com', ADDRESS), isRefusal);
  assert.equal(counts.get('rl:login:a:192.0.2.1'), 0);
});

test('addresses of e-mail are not shown in keys', async () => {
  const { count, counts } = createTestLimiter();
  await count('ada@example.com');
  assert.match([...counts.keys()].join(), /^rl:login:[0-9a-f]{64}$/);
});
