import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';

import { type Caller, createApi, faultsOf, type Reply } from '../support/api.ts';
import { startService, unique } from '../support/service.ts';

const service = await startService();
const api = createApi(service);
after(() => service.close());
const admin = await api.admin();

async function product(changes: Record<string, unknown> = {}): Promise<string> {
  const sku = `SKU-${unique().toUpperCase()}`;
  const body = { sku, name: 'Tea', price_cents: 450, currency: 'EUR', stock: 5, ...changes };
  return String((await admin.request('POST', '/v1/products', { body })).body['id']);
}

async function stockOf(id: string): Promise<unknown> {
  return (await api.request('GET', `/v1/products/${id}`)).body['stock'];
}

function order(
  buyer: Caller,
  lines: [id: string, quantity: number][],
  key?: string,
): Promise<Reply> {
  return buyer.request('POST', '/v1/orders', {
    body: { lines: lines.map(([product_id, quantity]) => ({ product_id, quantity })) },
    headers: key === undefined ? {} : { 'Idempotency-Key': key },
  });
}

describe('an order', () => {
  test('takes stock and freezes prices', async () => {
    const [buyer, tea, cup] = [await api.user(), await product(), await product({ stock: 9 })];
    const reply = await order(buyer, [
      [cup, 2],
      [tea, 1],
    ]);
    assert.equal(reply.status, 201);
    assert.equal(reply.body['total_cents'], 1350);
    await admin.request('PATCH', `/v1/products/${tea}`, { body: { price_cents: 1 } });
    const path = reply.headers.get('location') ?? '';
    assert.deepEqual((await buyer.request('GET', path)).body, reply.body);
    assert.deepEqual([await stockOf(tea), await stockOf(cup)], [4, 7]);
  });

  test('never takes more than there is, whoever else orders', async () => {
    const [buyer, tea] = [await api.user(), await product()];
    const replies = await Promise.all(Array.from({ length: 9 }, () => order(buyer, [[tea, 1]])));
    const placed = replies.filter(({ status }) => status === 201);
    assert.equal(placed.length, 5);
    assert.equal(await stockOf(tea), 0);
  });

  test('is placed whole or not at all', async () => {
    const [buyer, tea, cup] = [await api.user(), await product(), await product({ stock: 1 })];
    const reply = await order(buyer, [
      [tea, 1],
      [cup, 2],
    ]);
    assert.equal(reply.body['type'], '/problems/insufficient-stock');
    assert.deepEqual(reply.body['shortages'], [{ product_id: cup, requested: 2, available: 1 }]);
    assert.equal(await stockOf(tea), 5);
  });

  test('names the lines that are wrong', async () => {
    const [buyer, tea, dollars] = [
      await api.user(),
      await product(),
      await product({ currency: 'USD' }),
    ];
    const unknown = '01a207d5-36c7-710e-b490-f54a05637bdc';
    const reply = await order(buyer, [
      [tea, 1],
      [unknown, 1],
      [dollars, 1],
    ]);
    assert.deepEqual(faultsOf(reply), [
      '#/lines/1/product_id not_found',
      '#/lines/2/product_id currency_mismatch',
    ]);
    const twice = await order(buyer, [
      [tea, 1],
      [tea, 0],
    ]);
    assert.deepEqual(faultsOf(twice), [
      '#/lines/1/product_id duplicate',
      '#/lines/1/quantity too_small',
    ]);
  });

  test('is cancelled once, and gives its stock back', async () => {
    const [buyer, tea] = [await api.user(), await product()];
    const path = `${(await order(buyer, [[tea, 2]])).headers.get('location') ?? ''}/cancel`;
    assert.equal((await buyer.request('POST', path)).body['status'], 'cancelled');
    assert.equal(await stockOf(tea), 5);
    assert.equal((await buyer.request('POST', path)).body['type'], '/problems/invalid-state');
    assert.equal((await buyer.request('POST', path, { body: { reason: 'x' } })).status, 422);
  });

  test('keeps its products from being deleted', async () => {
    const [buyer, tea] = [await api.user(), await product()];
    await order(buyer, [[tea, 1]]);
    const reply = await admin.request('DELETE', `/v1/products/${tea}`);
    assert.equal(reply.body['type'], '/problems/product-in-use');
  });

  test('of others does not exist, but for administrators', async () => {
    const [buyer, stranger, tea] = [await api.user(), await api.user(), await product()];
    const path = (await order(buyer, [[tea, 1]])).headers.get('location') ?? '';
    assert.equal((await stranger.request('GET', path)).status, 404);
    assert.equal((await stranger.request('POST', `${path}/cancel`)).status, 404);
    assert.equal((await admin.request('GET', path)).status, 200);
  });
});

test('orders are listed with their lines, by status and page by page', async () => {
  const [buyer, tea] = [await api.user(), await product({ stock: 99 })];
  const made: unknown[] = [];
  for (const quantity of [1, 2, 3]) {
    made.push((await order(buyer, [[tea, quantity]])).body['id']);
  }
  await buyer.request('POST', `/v1/orders/${String(made[1])}/cancel`);
  const found: { id: string; lines: unknown[] }[] = [];
  let path: string | undefined = '/v1/orders?status=placed&sort=total_cents&limit=1';
  while (path !== undefined) {
    const page = await buyer.request('GET', path);
    found.push(...(page.body['items'] as typeof found));
    path = /<(.*)>/.exec(page.headers.get('link') ?? '')?.[1];
  }
  assert.deepEqual(
    found.map(({ id, lines }) => [id, lines.length]),
    [
      [made[0], 1],
      [made[2], 1],
    ],
  );
  assert.ok((await admin.request('GET', '/v1/orders')).status === 200);
});

describe('an Idempotency-Key', () => {
  test('makes a repetition safe', async () => {
    const [buyer, tea, key] = [await api.user(), await product(), unique()];
    const first = await order(buyer, [[tea, 1]], key);
    const again = await order(buyer, [[tea, 1]], `"${key}"`);
    assert.equal(again.status, 201);
    assert.equal(again.text, first.text);
    assert.equal(again.headers.get('idempotency-replayed'), 'true');
    assert.equal(again.headers.get('location'), first.headers.get('location'));
    assert.equal(await stockOf(tea), 4);
  });

  test('makes one order of many at the same time', async () => {
    const [buyer, tea, key] = [await api.user(), await product(), unique()];
    const replies = await Promise.all(
      Array.from({ length: 5 }, () => order(buyer, [[tea, 1]], key)),
    );
    assert.ok(replies.every(({ status }) => status === 201 || status === 409));
    assert.equal(await stockOf(tea), 4);
  });

  test('is not good for another request', async () => {
    const [buyer, tea, key] = [await api.user(), await product(), unique()];
    await order(buyer, [[tea, 1]], key);
    const other = await order(buyer, [[tea, 2]], key);
    assert.equal(other.body['type'], '/problems/idempotency-key-reused');
    const stranger = await order(await api.user(), [[tea, 1]], key);
    assert.equal(stranger.headers.get('idempotency-replayed'), null);
  });

  test('stays free for all of many at the same time that fail', async () => {
    const [buyer, tea, key] = [await api.user(), await product(), unique()];
    const replies = await Promise.all(
      Array.from({ length: 6 }, () => order(buyer, [[tea, 6]], key)),
    );
    const types = new Set(replies.map(({ body }) => body['type']));
    assert.deepEqual(types, new Set(['/problems/insufficient-stock']));
  });

  test('stays free when the request fails, and becomes free in time', async () => {
    const [buyer, tea, key] = [await api.user(), await product({ stock: 0 }), unique()];
    assert.equal((await order(buyer, [[tea, 1]], key)).status, 409);
    await admin.request('PATCH', `/v1/products/${tea}`, { body: { stock: 5 } });
    assert.equal((await order(buyer, [[tea, 1]], key)).status, 201);
    await service.db
      .updateTable('idempotency_keys')
      .set({ expires_at: new Date(Date.now() - 1000) })
      .where('idempotency_key', '=', key)
      .execute();
    const later = await order(buyer, [[tea, 1]], key);
    assert.equal(later.headers.get('idempotency-replayed'), null);
    assert.equal(await stockOf(tea), 3);
  });

  test('must have the form of one', async () => {
    const [buyer, tea] = [await api.user(), await product()];
    assert.equal((await order(buyer, [[tea, 1]], 'not one')).status, 400);
  });
});
