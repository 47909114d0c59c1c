import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createMemoryStore } from '../../src/products/memory-store.ts';

const MOST = 1000;
const reply = (body: string) => ({ headers: {}, body });

test('a reply is kept for as long as it was said', async () => {
  const store = createMemoryStore();
  assert.equal(await store.get('a'), undefined);
  await store.set('a', reply('1'), 30);
  await store.set('b', reply('2'), -1);
  assert.deepEqual(await store.get('a'), reply('1'));
  assert.equal(await store.get('b'), undefined);
});

test('each change begins a generation, of which nothing is kept yet', async () => {
  const store = createMemoryStore();
  await store.set('a', reply('1'), 30);
  const before = await store.generation();
  await store.raiseGeneration();
  assert.equal(await store.generation(), before + 1);
  assert.equal(await store.get('a'), undefined);
});

test('of too many replies the older half goes', async () => {
  const store = createMemoryStore();
  for (let count = 1; count <= MOST; count++) {
    await store.set(String(count), reply('x'), 30);
  }
  assert.ok(await store.get('1'));
  await store.set('one more', reply('x'), 30);
  assert.equal(await store.get(String(MOST / 2)), undefined);
  assert.ok(await store.get(String(MOST / 2 + 1)));
  assert.ok(await store.get('one more'));
});
