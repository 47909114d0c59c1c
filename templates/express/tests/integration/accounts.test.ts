import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';

import { createPasswords } from '../../src/auth/passwords.ts';
import { createApi, faultsOf, PASSWORD } from '../support/api.ts';
import { startService, unique } from '../support/service.ts';

const service = await startService();
const api = createApi(service);
after(() => service.close());

describe('registration', () => {
  const registration = () => ({
    email: `Grace.${unique()}@Example.com`,
    password: PASSWORD,
    display_name: 'Grace',
  });

  test('makes an account, which its maker finds at Location', async () => {
    const wanted = registration();
    const reply = await api.request('POST', '/v1/auth/register', { body: wanted });
    assert.equal(reply.status, 201);
    assert.equal(reply.headers.get('location'), '/v1/me');
    assert.equal(reply.body['email'], wanted.email.toLowerCase());
    assert.equal(reply.body['role'], 'user');
    assert.ok(!reply.text.includes('password'));
  });

  test('refuses an address that is taken, in whatever case', async () => {
    const wanted = registration();
    await api.request('POST', '/v1/auth/register', { body: wanted });
    const again = { ...wanted, email: wanted.email.toUpperCase() };
    const reply = await api.request('POST', '/v1/auth/register', { body: again });
    assert.equal(reply.status, 409);
    assert.equal(reply.body['type'], '/problems/email-taken');
  });

  test('names all faults at once', async () => {
    const body = { email: 'nobody', password: 'short', nickname: 'x' };
    const reply = await api.request('POST', '/v1/auth/register', { body });
    assert.equal(reply.status, 422);
    assert.deepEqual(faultsOf(reply), [
      '#/display_name required',
      '#/email invalid_format',
      '#/nickname unknown_field',
      '#/password too_short',
    ]);
  });

  for (const [name, password] of [
    ['a common one', 'PASSWORD12345'],
    ['the own address', 'someone@example.com'],
  ] as const) {
    test(`refuses ${name} as password`, async () => {
      const body = { email: 'someone@example.com', password, display_name: 'x' };
      const reply = await api.request('POST', '/v1/auth/register', { body });
      assert.deepEqual(faultsOf(reply), ['#/password blocked_password']);
    });
  }
});

describe('login', () => {
  test('looks the same for an unknown account, a wrong password and a disabled account', async () => {
    const [user, disabled] = await Promise.all([api.user(), api.user()]);
    await service.db
      .updateTable('users')
      .set({ is_active: false })
      .where('id', '=', disabled.id)
      .execute();
    const attempts = [
      { email: 'unknown@example.com', password: PASSWORD },
      { email: user.email, password: 'wrong' },
      { email: disabled.email, password: PASSWORD },
    ];
    const replies = await Promise.all(
      attempts.map((body) => api.request('POST', '/v1/auth/login', { body })),
    );
    for (const reply of replies) {
      assert.equal(reply.status, 401);
      assert.equal(reply.body['type'], '/problems/invalid-credentials');
      assert.equal(reply.headers.get('www-authenticate'), 'Bearer realm="api"');
    }
    const live = await disabled.request('GET', '/v1/me');
    assert.equal(live.status, 401);
  });

  test('makes a weak hash anew', async () => {
    const user = await api.user();
    const weak = '$argon2i$v=19$m=1024,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$wrong';
    const users = service.db.updateTable('users').where('id', '=', user.id);
    await users.set({ password_hash: weak }).execute();
    const refused = { email: user.email, password: PASSWORD };
    assert.equal((await api.request('POST', '/v1/auth/login', { body: refused })).status, 401);
    await users.set({ password_hash: await createPasswords(1000).hash(PASSWORD) }).execute();
    assert.equal((await api.request('POST', '/v1/auth/login', { body: refused })).status, 200);
  });
});

describe('sessions', () => {
  const refresh = (refreshToken: unknown) =>
    api.request('POST', '/v1/auth/refresh', { body: { refresh_token: refreshToken } });

  test('go on with new tokens', async () => {
    const user = await api.user();
    const reply = await refresh(user.refreshToken);
    assert.equal(reply.status, 200);
    const token = { Authorization: `Bearer ${String(reply.body['access_token'])}` };
    assert.equal((await api.request('GET', '/v1/me', { headers: token })).status, 200);
  });

  test('end when a spent refresh token comes back', async () => {
    const user = await api.user();
    const renewed = await refresh(user.refreshToken);
    assert.equal((await refresh(user.refreshToken)).status, 401);
    assert.equal((await refresh(renewed.body['refresh_token'])).status, 401);
    assert.equal((await user.request('GET', '/v1/me')).status, 401);
    assert.ok(service.lines.some((line) => line['event'] === 'authn_token_reuse'));
  });

  test('end when they have expired', async () => {
    const user = await api.user();
    await service.db
      .updateTable('sessions')
      .set({ expires_at: new Date(Date.now() - 1000) })
      .where('user_id', '=', user.id)
      .execute();
    assert.equal((await refresh(user.refreshToken)).status, 401);
    assert.equal((await user.request('GET', '/v1/me')).status, 401);
  });

  test('end by logout, one or all', async () => {
    const first = await api.user();
    const [second, third] = [
      await api.login(first.email, PASSWORD),
      await api.login(first.email, PASSWORD),
    ];
    assert.equal((await first.request('POST', '/v1/auth/logout')).status, 204);
    assert.equal((await first.request('GET', '/v1/me')).status, 401);
    assert.equal((await second.request('GET', '/v1/me')).status, 200);
    const all = { body: { all: true } };
    assert.equal((await second.request('POST', '/v1/auth/logout', all)).status, 204);
    assert.equal((await third.request('GET', '/v1/me')).status, 401);
  });

  test('of others end with a new password', async () => {
    const user = await api.user();
    const other = await api.login(user.email, PASSWORD);
    const body = { current_password: PASSWORD, new_password: 'another long passphrase' };
    assert.equal((await user.request('POST', '/v1/me/password', { body })).status, 204);
    assert.equal((await user.request('GET', '/v1/me')).status, 200);
    assert.equal((await other.request('GET', '/v1/me')).status, 401);
  });
});

test('a new password takes the current one', async () => {
  const user = await api.user();
  const body = { current_password: 'wrong', new_password: user.email };
  const reply = await user.request('POST', '/v1/me/password', { body });
  assert.deepEqual(faultsOf(reply), [
    '#/current_password incorrect',
    '#/new_password blocked_password',
  ]);
});

test('a profile can be changed, and what changes nothing leaves updated_at', async () => {
  const user = await api.user();
  const before = await user.request('GET', '/v1/me');
  const same = await user.request('PATCH', '/v1/me', { body: { display_name: 'Ada' } });
  assert.deepEqual(same.body, before.body);
  const changed = await user.request('PATCH', '/v1/me', {
    body: '{"display_name":"Lovelace"}',
    headers: { 'Content-Type': 'application/merge-patch+json' },
  });
  assert.equal(changed.body['display_name'], 'Lovelace');
  assert.deepEqual((await user.request('GET', '/v1/me')).body, changed.body);
});

describe('API keys', () => {
  const creation = { name: 'script', scopes: ['profile:read'] };

  test('work until they are deleted, and are shown once', async () => {
    const user = await api.user();
    const made = await user.request('POST', '/v1/api-keys', { body: creation });
    assert.equal(made.status, 201);
    const headers = { 'X-API-Key': String(made.body['key']) };
    assert.equal((await api.request('GET', '/v1/me', { headers })).body['id'], user.id);
    const path = made.headers.get('location') ?? '';
    const { body } = await user.request('GET', path);
    assert.ok(body['last_used_at'] && !('key' in body));
    assert.equal((await user.request('DELETE', path)).status, 204);
    assert.equal((await user.request('DELETE', path)).status, 404);
    assert.equal((await api.request('GET', '/v1/me', { headers })).status, 401);
  });

  test('are listed page by page, the newest first', async () => {
    const user = await api.user();
    const made: unknown[] = [];
    for (const name of ['a', 'b', 'c']) {
      const reply = await user.request('POST', '/v1/api-keys', { body: { ...creation, name } });
      made.unshift(reply.body['id']);
    }
    const found: unknown[] = [];
    let path: string | undefined = '/v1/api-keys?limit=2';
    while (path !== undefined) {
      const page = await user.request('GET', path);
      found.push(...(page.body['items'] as { id: string }[]).map(({ id }) => id));
      path = /<(.*)>/.exec(page.headers.get('link') ?? '')?.[1];
    }
    assert.deepEqual(found, made);
  });

  test('cannot manage credentials, nor reach further than their maker', async () => {
    const user = await api.user();
    const made = await user.request('POST', '/v1/api-keys', { body: creation });
    const headers = { 'X-API-Key': String(made.body['key']) };
    assert.equal((await api.request('GET', '/v1/api-keys', { headers })).status, 403);
    const both = await user.request('GET', '/v1/me', { headers });
    assert.equal(both.body['type'], '/problems/malformed-request');
  });

  test('of others do not exist', async () => {
    const [user, stranger] = [await api.user(), await api.user()];
    const made = await user.request('POST', '/v1/api-keys', { body: creation });
    const path = made.headers.get('location') ?? '';
    assert.equal((await stranger.request('GET', path)).status, 404);
    assert.equal((await stranger.request('DELETE', path)).status, 404);
  });

  test('may expire, and not in the past', async () => {
    const user = await api.user();
    const body = { ...creation, expires_at: '2001-01-01T00:00:00Z' };
    const refused = await user.request('POST', '/v1/api-keys', { body });
    assert.deepEqual(faultsOf(refused), ['#/expires_at in_past']);
    const expires_at = new Date(Date.now() + 60_000).toISOString();
    const made = await user.request('POST', '/v1/api-keys', { body: { ...creation, expires_at } });
    assert.equal(made.body['expires_at'], expires_at);
    await service.db
      .updateTable('api_keys')
      .set({ expires_at: new Date() })
      .where('id', '=', String(made.body['id']))
      .execute();
    const headers = { 'X-API-Key': String(made.body['key']) };
    assert.equal((await api.request('GET', '/v1/me', { headers })).status, 401);
  });
});

describe('a bad credential is refused:', () => {
  const cases: Record<string, Record<string, string>> = {
    'a token that is none': { Authorization: 'Bearer nonsense' },
    'an empty token': { Authorization: 'Bearer' },
    'an unsigned token': { Authorization: 'Bearer eyJhbGciOiJub25lIn0.e30.' },
    'an API key that is none': { 'X-API-Key': 'nonsense' },
  };
  for (const [name, headers] of Object.entries(cases)) {
    test(name, async () => {
      const reply = await api.request('GET', '/v1/me', { headers });
      assert.equal(reply.body['type'], '/problems/invalid-token');
      assert.match(reply.headers.get('www-authenticate') ?? '', /error="invalid_token"/);
    });
  }

  test('none at all', async () => {
    const reply = await api.request('GET', '/v1/me');
    assert.equal(reply.body['type'], 'about:blank');
    assert.equal(reply.headers.get('www-authenticate'), 'Bearer realm="api"');
  });
});
