import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';

import { newId } from '../../src/database/new-id.ts';
import { type Caller, createApi, faultsOf, type Reply } from '../support/api.ts';
import { METRICS_TOKEN, startService, unique } from '../support/service.ts';

const service = await startService();
const api = createApi(service);
after(() => service.close());
const admin = await api.admin();

async function product(changes: Record<string, unknown> = {}): Promise<string> {
  const sku = `SKU-${unique().toUpperCase()}`;
  const body = { sku, name: 'Tea', price_cents: 450, currency: 'EUR', stock: 5, ...changes };
  return String((await admin.request('POST', '/v1/products', { body })).body['id']);
}

const typeOf = ({ body }: Reply) => body['type'];

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
    const [buyer, mark] = [await api.user(), unique().toUpperCase()];
    const tea = await product({ sku: `TEA-${mark}` });
    const cup = await product({ sku: `CUP-${mark}`, name: 'Cup', price_cents: 200, stock: 9 });
    assert.deepEqual([await stockOf(tea), await stockOf(cup)], [5, 9]);
    const reply = await order(buyer, [
      [cup, 2],
      [tea, 1],
    ]);
    assert.equal(reply.status, 201);
    const { id, created_at, ...placed } = reply.body;
    assert.partialDeepStrictEqual(placed, {
      user_id: buyer.id,
      status: 'placed',
      currency: 'EUR',
      total_cents: 850,
      lines: [
        { product_id: cup, sku: `CUP-${mark}`, name: 'Cup', quantity: 2, price_cents: 200 },
        { product_id: tea, sku: `TEA-${mark}`, name: 'Tea', quantity: 1, price_cents: 450 },
      ],
      updated_at: created_at,
    });
    const path = reply.headers.get('location') ?? '';
    assert.equal(path, `/v1/orders/${String(id)}`);
    await admin.request('PATCH', `/v1/products/${tea}`, { body: { price_cents: 1 } });
    assert.deepEqual((await buyer.request('GET', path)).body, reply.body);
    assert.deepEqual([await stockOf(tea), await stockOf(cup)], [4, 7]);
  });

  test('never takes more than there is, whoever else orders', async () => {
    const [buyer, tea] = [await api.user(), await product()];
    const replies = await Promise.all(Array.from({ length: 9 }, () => order(buyer, [[tea, 1]])));
    const placed = replies.filter(({ status }) => status === 201);
    assert.equal(placed.length, 5);
    const types = new Set(replies.map(typeOf));
    assert.deepEqual(types, new Set([undefined, '/problems/insufficient-stock']));
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

  test('is made of lines, not too many and not too large', async () => {
    const [buyer, tea] = [await api.user(), await product({ stock: 1000 })];
    const faultsFor = async (body: object) =>
      faultsOf(await buyer.request('POST', '/v1/orders', { body }));
    assert.deepEqual(await faultsFor({}), ['#/lines required']);
    assert.deepEqual(await faultsFor({ lines: [] }), ['#/lines too_few']);
    const line = () => ({ product_id: newId(), quantity: 1 });
    assert.deepEqual(await faultsFor({ lines: Array.from({ length: 51 }, line) }), [
      '#/lines too_many',
    ]);
    const fifty = await faultsFor({ lines: Array.from({ length: 50 }, line) });
    assert.equal(fifty.length, 50);
    assert.ok(fifty.includes('#/lines/49/product_id not_found'));
    assert.deepEqual(faultsOf(await order(buyer, [[tea, 1001]])), ['#/lines/0/quantity too_large']);
    assert.deepEqual(faultsOf(await order(buyer, [['x', 1]])), [
      '#/lines/0/product_id invalid_format',
    ]);
    assert.equal((await order(buyer, [[tea, 1000]])).status, 201);
  });

  test('is cancelled once, and gives its stock back', async () => {
    const [buyer, tea, cup] = [await api.user(), await product(), await product({ stock: 9 })];
    const placed = await order(buyer, [
      [tea, 2],
      [cup, 3],
    ]);
    assert.deepEqual([await stockOf(tea), await stockOf(cup)], [3, 6]);
    const path = placed.headers.get('location') ?? '';
    const reply = await buyer.request('POST', `${path}/cancel`);
    const { status, updated_at, ...others } = reply.body;
    assert.equal(status, 'cancelled');
    assert.ok(String(updated_at) > String(placed.body['updated_at']));
    assert.deepEqual({ ...placed.body, ...others }, placed.body);
    assert.deepEqual((await buyer.request('GET', path)).body, reply.body);
    assert.deepEqual([await stockOf(tea), await stockOf(cup)], [5, 9]);
    const again = await buyer.request('POST', `${path}/cancel`);
    assert.equal(again.status, 409);
    assert.equal(typeOf(again), '/problems/invalid-state');
    const reason = await buyer.request('POST', `${path}/cancel`, { body: { reason: 'x' } });
    assert.deepEqual(faultsOf(reason), ['#/reason unknown_field']);
    assert.deepEqual([await stockOf(tea), await stockOf(cup)], [5, 9]);
  });

  test('of others does not exist, but for administrators', async () => {
    const [buyer, stranger, tea] = [await api.user(), await api.user(), await product()];
    const { headers, body } = await order(buyer, [[tea, 1]]);
    const path = headers.get('location') ?? '';
    assert.equal((await stranger.request('GET', path)).status, 404);
    assert.equal((await stranger.request('POST', `${path}/cancel`)).status, 404);
    assert.deepEqual((await admin.request('GET', path)).body, body);
    assert.equal((await admin.request('POST', `${path}/cancel`)).status, 200);
    assert.equal((await admin.request('GET', `/v1/orders/${newId()}`)).status, 404);
    assert.equal((await admin.request('POST', `/v1/orders/${newId()}/cancel`)).status, 404);
  });

  test('is read with one scope, and placed and cancelled with another', async () => {
    const [buyer, tea] = [await api.user(), await product()];
    const { headers } = await order(buyer, [[tea, 1]]);
    const path = headers.get('location') ?? '';
    for (const [scope, statuses] of [
      ['orders:read', [200, 200, 403, 403]],
      ['orders:write', [403, 403, 422, 200]],
    ] as const) {
      const body = { name: scope, scopes: [scope] };
      const made = await buyer.request('POST', '/v1/api-keys', { body });
      const withKey = { headers: { 'X-API-Key': String(made.body['key']) } };
      const replies = [
        await api.request('GET', '/v1/orders', withKey),
        await api.request('GET', path, withKey),
        await api.request('POST', '/v1/orders', { ...withKey, body: {} }),
        await api.request('POST', `${path}/cancel`, withKey),
      ];
      assert.deepEqual(
        replies.map(({ status }) => status),
        statuses,
        scope,
      );
    }
  });
});

describe('a list of orders', async () => {
  const [buyer, stranger, tea] = [
    await api.user(),
    await api.user(),
    await product({ price_cents: 10, stock: 99 }),
  ];
  const made: Record<string, unknown>[] = [];
  for (const quantity of [2, 1, 3, 2]) {
    made.push((await order(buyer, [[tea, quantity]])).body);
  }
  const [first, second, third, fourth] = made;
  const cancelled = await buyer.request('POST', `/v1/orders/${String(second?.['id'])}/cancel`);
  const ofStranger = (await order(stranger, [[tea, 1]])).body;

  async function pagesOf(query: string, caller = buyer): Promise<unknown[]> {
    const found: unknown[] = [];
    let path: string | undefined = `/v1/orders?limit=1${query}`;
    while (path !== undefined) {
      const page: Reply = await caller.request('GET', path);
      found.push(...(page.body['items'] as unknown[]));
      path = /<(.*)>/.exec(page.headers.get('link') ?? '')?.[1];
      assert.equal(page.body['next_cursor'] === null, path === undefined);
    }
    return found;
  }

  test('holds the own ones, the newest first', async () => {
    assert.deepEqual(await pagesOf(''), [fourth, third, cancelled.body, first]);
    assert.deepEqual(await pagesOf('', stranger), [ofStranger]);
  });

  test('is narrowed by status', async () => {
    assert.deepEqual(await pagesOf('&status=cancelled'), [cancelled.body]);
    assert.deepEqual(await pagesOf('&status=placed'), [fourth, third, first]);
    const other = await buyer.request('GET', '/v1/orders?status=lost');
    assert.deepEqual(faultsOf(other), ['status invalid_value']);
  });

  test('is sorted by time or total, one way or the other', async () => {
    assert.deepEqual(await pagesOf('&sort=created_at&status=placed'), [first, third, fourth]);
    assert.deepEqual(await pagesOf('&sort=total_cents&status=placed'), [first, fourth, third]);
    assert.deepEqual(await pagesOf('&sort=-total_cents&status=placed'), [third, fourth, first]);
  });

  test("holds everybody's for administrators", async () => {
    const { body } = await admin.request('GET', '/v1/orders?limit=100');
    const ids = new Set((body['items'] as { id: unknown }[]).map(({ id }) => id));
    assert.ok(ids.has(fourth?.['id']) && ids.has(ofStranger['id']));
  });
});

test('metrics count orders by their outcome', async () => {
  const counts = async () => {
    const headers = { Authorization: `Bearer ${METRICS_TOKEN}` };
    const { text } = await api.request('GET', '/metrics', { headers });
    return ['placed', 'replayed', 'insufficient_stock', 'cancelled'].map((outcome) =>
      Number(new RegExp(`orders_total\\{outcome="${outcome}"\\} (\\d+)`).exec(text)?.[1]),
    );
  };
  const [buyer, tea, key] = [await api.user(), await product(), unique()];
  const before = await counts();
  const { headers } = await order(buyer, [[tea, 1]], key);
  await order(buyer, [[tea, 1]], key);
  await order(buyer, [[tea, 9]]);
  await buyer.request('POST', `${headers.get('location') ?? ''}/cancel`);
  const after = await counts();
  assert.deepEqual(
    after.map((count, index) => count - (before[index] ?? 0)),
    [1, 1, 1, 1],
  );
});

test('an order is placed once, however often it is sent', async () => {
  const [buyer, tea, key] = [await api.user(), await product(), unique()];
  const replies = await Promise.all(Array.from({ length: 5 }, () => order(buyer, [[tea, 1]], key)));
  assert.equal(new Set(replies.map(({ status, text }) => `${status} ${text}`)).size, 1);
  assert.equal(await stockOf(tea), 4);
  assert.equal((await order(buyer, [[tea, 1]], key)).headers.get('idempotency-replayed'), 'true');
});
