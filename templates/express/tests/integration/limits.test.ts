import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';

import { createApi, PASSWORD } from '../support/api.ts';
import { newAddress, startService, unique } from '../support/service.ts';

const service = await startService({ RATE_LIMIT_DEFAULT: '5/60', RATE_LIMIT_LOGIN: '2/60' });
const api = createApi(service);
after(() => service.close());

const fromNewAddress = () => ({ 'X-Forwarded-For': newAddress() });

describe('the default limit', () => {
  test('lets as many requests pass as it says', async () => {
    const headers = fromNewAddress();
    const request = () => api.request('GET', '/v1/unknown', { headers });
    const replies = await Promise.all(Array.from({ length: 8 }, request));
    const statuses = replies.map(({ status }) => status).sort();
    assert.deepEqual(statuses, [404, 404, 404, 404, 404, 429, 429, 429]);
    const refused = await request();
    assert.equal(refused.headers.get('ratelimit-policy'), '"default";q=5;w=60');
    assert.match(refused.headers.get('ratelimit') ?? '', /^"default";r=0;t=(59|60)$/);
    assert.ok(refused.headers.has('retry-after'));
  });

  test('counts users apart from their address', async () => {
    const user = await api.user();
    const replies = await Promise.all(
      Array.from({ length: 6 }, () => user.request('GET', '/v1/me', { headers: fromNewAddress() })),
    );
    assert.ok(replies.some(({ status }) => status === 429));
  });

  test('does not count probes', async () => {
    const { headers } = await api.request('GET', '/livez', { headers: fromNewAddress() });
    assert.equal(headers.get('ratelimit'), null);
  });
});

describe('the login limit', () => {
  const login = (email: string, password: string) =>
    api.request('POST', '/v1/auth/login', { body: { email, password }, headers: fromNewAddress() });

  test('refuses even the right password after too many wrong ones', async () => {
    const email = `limited.${unique()}@example.com`;
    const registration = { email, password: PASSWORD, display_name: 'x' };
    await api.request('POST', '/v1/auth/register', {
      body: registration,
      headers: fromNewAddress(),
    });
    assert.equal((await login(email, 'wrong')).status, 401);
    assert.equal((await login(email, PASSWORD)).status, 200); // forgives what was before
    assert.equal((await login(email, 'wrong')).status, 401);
    assert.equal((await login(email, 'wrong')).status, 401);
    const refused = await login(email, PASSWORD);
    assert.equal(refused.status, 429);
    assert.equal(refused.body['type'], '/problems/rate-limited');
  });
});
