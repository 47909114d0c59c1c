import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';

import { createApi, faultsOf, type Reply } from '../support/api.ts';
import { METRICS_TOKEN, startService, unique } from '../support/service.ts';

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
    const { id, sku, created_at, ...product } = made.body;
    assert.match(`${String(id)} ${String(sku)}`, /^[0-9a-f-]{36} SKU-[0-9A-F]{16}$/);
    assert.partialDeepStrictEqual(product, {
      name: 'Green tea',
      price_cents: 450,
      currency: 'EUR',
      stock: 5,
      version: 1,
      updated_at: created_at,
    });
    const shown = await api.request('GET', pathOf(made));
    assert.equal(shown.text, made.text);
    assert.equal(shown.headers.get('cache-control'), 'public, no-cache');
    assert.equal(shown.headers.get('content-type'), 'application/json');
  });

  test('is changed by nobody else', async () => {
    const [path, user] = [pathOf(await create()), await api.user()];
    for (const [method, url] of [
      ['POST', '/v1/products'],
      ['PATCH', path],
      ['DELETE', path],
    ] as const) {
      const refused = await user.request(method, url, { body: {} });
      assert.equal(refused.body['type'], '/problems/insufficient-scope');
      assert.equal((await api.request(method, url, { body: {} })).status, 401);
    }
    const body = { name: 'x', scopes: ['profile:read'] };
    const { key } = (await admin.request('POST', '/v1/api-keys', { body })).body;
    const headers = { 'X-API-Key': String(key) };
    assert.equal((await api.request('DELETE', path, { headers })).status, 403);
  });

  test('has a SKU of its own', async () => {
    const made = await create();
    const again = await create({ sku: made.body['sku'] });
    assert.equal(again.status, 409);
    assert.equal(again.body['type'], '/problems/sku-taken');
  });

  test('that was ordered is not deleted', async () => {
    const [made, buyer] = [await create(), await api.user()];
    const body = { lines: [{ product_id: made.body['id'], quantity: 1 }] };
    assert.equal((await buyer.request('POST', '/v1/orders', { body })).status, 201);
    const reply = await admin.request('DELETE', pathOf(made));
    assert.equal(reply.status, 409);
    assert.equal(reply.body['type'], '/problems/product-in-use');
    assert.equal((await api.request('GET', pathOf(made))).status, 200);
  });

  test('has bounds', async () => {
    const most = { price_cents: 99_999_999_999, stock: 1_000_000_000 };
    const made = await create({ name: 'x'.repeat(200), ...most });
    assert.equal(made.status, 201);
    const more = { name: 'x'.repeat(201), price_cents: 1e11, stock: 1e9 + 1 };
    const tooMuch = ['#/name too_long', '#/price_cents too_large', '#/stock too_large'];
    assert.deepEqual(faultsOf(await create(more)), tooMuch);
    const change = (body: object) => admin.request('PATCH', pathOf(made), { body });
    assert.deepEqual(faultsOf(await change(more)), tooMuch);
    assert.equal((await change({ name: 'x', price_cents: 0, stock: 0 })).status, 200);
    assert.deepEqual(faultsOf(await change({ name: '', price_cents: -1, stock: -1, sku: 'A' })), [
      '#/name too_short',
      '#/price_cents too_small',
      '#/sku unknown_field',
      '#/stock too_small',
    ]);
    assert.equal((await create({ sku: unique().padEnd(32, '-').toUpperCase() })).status, 201);
    for (const sku of ['', '-A', 'A_', ' A', 'A ', 'a', 'A'.repeat(33)]) {
      assert.deepEqual(faultsOf(await create({ sku })), ['#/sku invalid_format'], sku);
    }
    for (const currency of ['', 'EU', 'EURO', 'eur', 'EUR ']) {
      assert.deepEqual(faultsOf(await create({ currency })), ['#/currency invalid_format']);
    }
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
      assert.equal(reply.text, '');
      assert.equal(reply.headers.get('etag'), '"1"');
      assert.equal(reply.headers.get('cache-control'), 'public, no-cache');
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

  test('shows what was added, changed or taken away at once', async () => {
    const mark = unique();
    const namesNow = async () => {
      const { body } = await api.request('GET', `/v1/products?q=${mark}`);
      return (body['items'] as { name: string }[]).map(({ name }) => name);
    };
    assert.deepEqual(await namesNow(), []);
    const path = pathOf(await create({ name: mark }));
    assert.deepEqual(await namesNow(), [mark]);
    await admin.request('PATCH', path, { body: { name: `${mark} 2` } });
    assert.deepEqual(await namesNow(), [`${mark} 2`]);
    await admin.request('DELETE', path);
    assert.deepEqual(await namesNow(), []);
  });

  test('is sorted and narrowed by price, page by page', async () => {
    const mark = unique();
    const made: { id: string; price_cents: number; created_at: string }[] = [];
    for (const price_cents of [30, 10, 20, 40, 20, 9, 20]) {
      made.push((await create({ name: mark, price_cents })).body as unknown as (typeof made)[0]);
    }
    const within = made.filter(({ price_cents }) => price_cents >= 10 && price_cents <= 30);
    for (const column of ['price_cents', 'created_at'] as const) {
      // What is alike is in the order of ids, which is that of their making.
      const ascending = within.toSorted((a, b) => (a[column] < b[column] ? -1 : 1));
      ascending.sort((a, b) => (a[column] === b[column] ? (a.id < b.id ? -1 : 1) : 0));
      for (const [sort, expected] of [
        [column, ascending],
        [`-${column}`, ascending.toReversed()],
      ] as const) {
        const found: unknown[] = [];
        let path: string | undefined =
          `/v1/products?q=${mark}&min_price=10&max_price=30&sort=${sort}&limit=2`;
        while (path !== undefined) {
          const page = await api.request('GET', path);
          assert.equal(page.headers.get('cache-control'), 'public, no-cache');
          found.push(...(page.body['items'] as unknown[]));
          path = /<(.*)>/.exec(page.headers.get('link') ?? '')?.[1];
          assert.equal(page.body['next_cursor'] === null, path === undefined);
        }
        assert.deepEqual(found, expected, sort);
      }
    }
    const { body } = await api.request('GET', `/v1/products?q=${mark}`);
    assert.deepEqual(body['items'], made.toReversed());
    const one = await api.request('GET', `/v1/products?q=${mark}&min_price=10&max_price=10`);
    assert.deepEqual(one.body['items'], [made[1]]);
  });

  test('need not be sent again until it changes', async () => {
    const mark = unique();
    const path = `/v1/products?q=${mark}`;
    const etag = (await api.request('GET', path)).headers.get('etag') ?? '';
    assert.match(etag, /^"[0-9a-f]{32}"$/);
    const again = () => api.request('GET', path, { headers: { 'If-None-Match': etag } });
    assert.equal((await again()).status, 304);
    await create({ name: mark });
    const changed = await again();
    assert.equal(changed.status, 200);
    assert.notEqual(changed.headers.get('etag'), etag);
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

  test('is answered from the cache until something changes', async () => {
    const misses = async () => {
      const headers = { Authorization: `Bearer ${METRICS_TOKEN}` };
      const { text } = await api.request('GET', '/metrics', { headers });
      return Number(/cache_requests_total\{outcome="miss"\} (\d+)/.exec(text)?.[1]);
    };
    const missesOfTwoRounds = async () => {
      const paths = [pathOf(await create()), '/v1/products?limit=1', '/v1/products?limit=2'];
      const before = await misses();
      for (const path of [...paths, ...paths]) {
        await api.request('GET', path);
      }
      return (await misses()) - before;
    };
    let missed = await missesOfTwoRounds();
    for (let attempt = 0; attempt < 9 && missed > 3; attempt++) {
      missed = await missesOfTwoRounds(); // another test has changed what is in the same Redis
    }
    assert.equal(missed, 3);
  });
});
