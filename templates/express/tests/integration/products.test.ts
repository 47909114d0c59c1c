import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';

import { createApi, faultsOf, type Reply } from '../support/api.ts';
import { startService, unique } from '../support/service.ts';

const service = await startService();
const api = createApi(service);
after(() => service.close());
const admin = await api.admin();

function create(changes: Record<string, unknown> = {}): Promise<Reply> {
  const sku = `SKU-${unique().toUpperCase()}`;
  const product = { sku, name: 'Green tea', price_cents: 450, currency: 'EUR', stock: 5 };
  return admin.request('POST', '/v1/products', { body: { ...product, ...changes } });
}

const pathOf = (reply: Reply) => `/v1/products/${String(reply.body['id'])}`;

describe('a product', () => {
  test('is made by administrators', async () => {
    const made = await create();
    assert.equal(made.status, 201);
    assert.equal(made.headers.get('location'), pathOf(made));
    assert.equal(made.headers.get('etag'), '"1"');
    const user = await api.user();
    const body = { sku: 'X', name: 'X', price_cents: 1, currency: 'EUR', stock: 1 };
    const refused = await user.request('POST', '/v1/products', { body });
    assert.equal(refused.body['type'], '/problems/insufficient-scope');
  });

  test('has a SKU of its own', async () => {
    const made = await create();
    const again = await create({ sku: made.body['sku'] });
    assert.equal(again.body['type'], '/problems/sku-taken');
  });

  test('shows a change at once, with a new version', async () => {
    const made = await create();
    const path = pathOf(made);
    const before = await api.request('GET', path);
    const changed = await admin.request('PATCH', path, { body: { price_cents: 500 } });
    assert.equal(changed.headers.get('etag'), '"2"');
    const now = await api.request('GET', path);
    assert.equal(now.body['price_cents'], 500);
    assert.notEqual(now.headers.get('etag'), before.headers.get('etag'));
    const same = await admin.request('PATCH', path, { body: { price_cents: 500 } });
    assert.equal(same.headers.get('etag'), '"2"');
  });

  test('is changed and deleted only by who knows it as it is', async () => {
    const path = pathOf(await create());
    const request = (method: string, tag: string) =>
      admin.request(method, path, {
        headers: { 'If-Match': tag },
        ...(method === 'PATCH' && { body: { stock: 9 } }),
      });
    for (const tag of ['"2"', 'W/"1"', 'nonsense']) {
      assert.equal((await request('PATCH', tag)).status, 412);
      assert.equal((await request('DELETE', tag)).status, 412);
    }
    assert.equal((await request('PATCH', '"7", "1"')).status, 200);
    assert.equal((await request('DELETE', '*')).status, 204);
    assert.equal((await request('DELETE', '*')).status, 404);
    assert.equal((await api.request('GET', path)).status, 404);
  });

  test('need not be sent again', async () => {
    const path = pathOf(await create());
    for (const tag of ['"1"', 'W/"1"', '"7", "1"', '*']) {
      const reply = await api.request('GET', path, { headers: { 'If-None-Match': tag } });
      assert.equal(reply.status, 304);
      assert.equal(reply.headers.get('etag'), '"1"');
    }
    const other = await api.request('GET', path, { headers: { 'If-None-Match': '"7"' } });
    assert.equal(other.status, 200);
  });
});

describe('the catalogue', () => {
  test('is found by name, literally and in either case', async () => {
    const mark = unique();
    await create({ name: `100% Tea_${mark}` });
    await create({ name: `Tea ${mark}` });
    const namesFor = async (q: string) => {
      const { body } = await api.request('GET', `/v1/products?q=${encodeURIComponent(q)}`);
      return (body['items'] as { name: string }[]).map(({ name }) => name);
    };
    assert.deepEqual(await namesFor(`tea_${mark}`), [`100% Tea_${mark}`]);
    assert.deepEqual(await namesFor(`% TEA_${mark}`), [`100% Tea_${mark}`]);
    assert.deepEqual(await namesFor(`|${mark}`), []);
  });

  test('is sorted and narrowed by price, page by page', async () => {
    const mark = unique();
    for (const price_cents of [30, 10, 20, 40]) {
      await create({ name: mark, price_cents });
    }
    const prices: number[] = [];
    let path: string | undefined =
      `/v1/products?q=${mark}&min_price=10&max_price=30&sort=price_cents&limit=2`;
    while (path !== undefined) {
      const page = await api.request('GET', path);
      assert.equal(page.headers.get('cache-control'), 'public, no-cache');
      prices.push(...(page.body['items'] as { price_cents: number }[]).map((p) => p.price_cents));
      path = /<(.*)>/.exec(page.headers.get('link') ?? '')?.[1];
    }
    assert.deepEqual(prices, [10, 20, 30]);
  });

  test('names what is wrong with a query', async () => {
    const query = 'sort=name&limit=0&min_price=2&max_price=1&cursor=nonsense';
    const reply = await api.request('GET', `/v1/products?${query}`);
    assert.deepEqual(faultsOf(reply), [
      'limit too_small',
      'max_price too_small',
      'sort invalid_value',
    ]);
    const cursor = await api.request('GET', '/v1/products?cursor=nonsense');
    assert.deepEqual(faultsOf(cursor), ['cursor invalid_cursor']);
  });

  test('asks the database once for all who ask at the same time', async () => {
    const path = pathOf(await create());
    const replies = await Promise.all(Array.from({ length: 5 }, () => api.request('GET', path)));
    assert.equal(new Set(replies.map(({ text }) => text)).size, 1);
  });
});
