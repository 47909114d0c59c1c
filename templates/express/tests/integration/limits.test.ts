import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';

import { newId } from '../../src/database/new-id.ts';
import { newApiKey } from '../../src/auth/secrets.ts';
import { createApi, PASSWORD } from '../support/api.ts';
import { METRICS_TOKEN, newAddress, startService, unique } from '../support/service.ts';

const service = await startService({ RATE_LIMIT_DEFAULT: '5/60', RATE_LIMIT_LOGIN: '2/60' });
const api = createApi(service);
after(() => service.close());

// From an address of its own, of which few requests are let through.
const newUser = () => createApi(service).user();
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
    const user = await newUser();
    // The first of five was to learn the user's id.
    const replies = await Promise.all(
      Array.from({ length: 6 }, () => user.request('GET', '/v1/me', { headers: fromNewAddress() })),
    );
    const statuses = replies.map(({ status }) => status).sort();
    assert.deepEqual(statuses, [200, 200, 200, 200, 429, 429]);
  });

  test('counts guesses of API keys before the database is asked', async () => {
    const headers = { ...fromNewAddress(), 'X-API-Key': newApiKey(newId()) };
    for (let count = 0; count < 5; count++) {
      assert.equal((await api.request('GET', '/v1/me', { headers })).status, 401);
    }
    await service.db.schema.alterTable('api_keys').renameTo('api_keys_away').execute();
    const refused = await api.request('GET', '/v1/me', { headers });
    await service.db.schema.alterTable('api_keys_away').renameTo('api_keys').execute();
    assert.equal(refused.status, 429);
  });

  test('does not count good API keys by their address', async () => {
    const user = await newUser();
    const body = { name: 'x', scopes: ['profile:read'] };
    const { key } = (await user.request('POST', '/v1/api-keys', { body })).body;
    const headers = fromNewAddress();
    for (let count = 0; count < 3; count++) {
      const withKey = { headers: { ...headers, 'X-API-Key': String(key) } };
      assert.equal((await api.request('GET', '/v1/me', withKey)).status, 200);
    }
    const reply = await api.request('GET', '/v1/unknown', { headers });
    assert.match(reply.headers.get('ratelimit') ?? '', /r=4;/);
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
    const headers = { Authorization: `Bearer ${METRICS_TOKEN}` };
    const { text } = await api.request('GET', '/metrics', { headers });
    assert.match(text, /auth_login_total\{outcome="throttled"\} 1/);
  });

  test('bounds guesses of the current password, too', async () => {
    const statusesOf = async (passwords: string[]) => {
      const user = await newUser();
      const statuses: number[] = [];
      for (const current_password of passwords) {
        const body = { current_password, new_password: PASSWORD };
        statuses.push((await user.request('POST', '/v1/me/password', { body })).status);
      }
      return statuses;
    };
    assert.deepEqual(await statusesOf(['wrong', 'wrong', PASSWORD]), [422, 422, 429]);
    const forgiven = await statusesOf(['wrong', PASSWORD, 'wrong', PASSWORD]);
    assert.deepEqual(forgiven, [422, 204, 422, 204]);
  });
});
