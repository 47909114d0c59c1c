import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';

import bcrypt from 'bcrypt';

import { lockUserIfStill } from '../../src/auth/current-password.ts';
import { createPasswords } from '../../src/auth/passwords.ts';
import { SCOPES, scopesOf } from '../../src/auth/roles.ts';
import { deleteExpiredSessions } from '../../src/auth/session.repository.ts';
import { lockUser } from '../../src/auth/user.repository.ts';
import { newId } from '../../src/database/new-id.ts';
import { Timestamp } from '../../src/database/timestamp.ts';
import { type Caller, createApi, faultsOf, PASSWORD, type Reply } from '../support/api.ts';
import { METRICS_TOKEN, startService, unique } from '../support/service.ts';

const service = await startService();
const api = createApi(service);
after(() => service.close());

const ACCESS_SECONDS = 900;
const IDLE_SECONDS = 86_400 * 14;
const MAX_SECONDS = 86_400 * 30;
const secondsAgo = (seconds: number) => Timestamp.now().plusSeconds(-seconds);

/** What the log has told, in order, since it had so many lines. */
const eventsSince = (count: number) =>
  service.lines
    .slice(count)
    .map(({ event }) => event)
    .filter((event) => event !== 'http.server.request' && event !== undefined);

const typeOf = ({ body }: Reply) => body['type'];

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
    const { id, created_at, ...account } = reply.body;
    assert.partialDeepStrictEqual(account, {
      email: wanted.email.toLowerCase(),
      display_name: 'Grace',
      role: 'user',
      updated_at: created_at,
    });
    const user = await api.login(wanted.email, PASSWORD);
    assert.equal(user.id, id);
    assert.deepEqual((await user.request('GET', '/v1/me')).body, reply.body);
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
    ['the own address', 'Someone@example.COM'],
  ] as const) {
    test(`refuses ${name} as password`, async () => {
      const body = { email: 'someone@Example.com', password, display_name: 'x' };
      const reply = await api.request('POST', '/v1/auth/register', { body });
      assert.deepEqual(faultsOf(reply), ['#/password blocked_password']);
    });
  }

  test('bounds what it keeps', async () => {
    const body = { email: `${'a'.repeat(255)}@b`, password: 'x'.repeat(129), display_name: '' };
    const long = await api.request('POST', '/v1/auth/register', { body });
    assert.deepEqual(faultsOf(long), [
      '#/display_name too_short',
      '#/email too_long',
      '#/password too_long',
    ]);
    const wanted = { ...registration(), password: ' '.repeat(128), display_name: 'x'.repeat(100) };
    assert.equal((await api.request('POST', '/v1/auth/register', { body: wanted })).status, 201);
    await api.login(wanted.email, wanted.password);
    const more = { ...registration(), password: 'short\0', display_name: 'x'.repeat(101) };
    assert.deepEqual(faultsOf(await api.request('POST', '/v1/auth/register', { body: more })), [
      '#/display_name too_long',
      '#/password too_short',
    ]);
  });
});

const hashOf = (id: string) =>
  service.db
    .selectFrom('users')
    .select('password_hash')
    .where('id', '=', id)
    .executeTakeFirstOrThrow();

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
    const before = service.lines.length;
    const replies = await Promise.all(
      attempts.map((body) => api.request('POST', '/v1/auth/login', { body })),
    );
    const failures = Array<string>(3).fill('authn_login_fail');
    assert.deepEqual(eventsSince(before), failures);
    for (const reply of replies) {
      assert.equal(reply.status, 401);
      assert.equal(reply.body['type'], '/problems/invalid-credentials');
      assert.equal(reply.headers.get('www-authenticate'), 'Bearer realm="api"');
    }
    const live = await disabled.request('GET', '/v1/me');
    assert.equal(live.status, 401);
  });

  test('takes an address in either case, and says for how long its token is good', async () => {
    const { email } = await api.user();
    const body = { email: email.toUpperCase(), password: PASSWORD };
    const reply = await api.request('POST', '/v1/auth/login', { body });
    assert.equal(reply.status, 200);
    const { access_token, refresh_token, ...others } = reply.body;
    assert.match(String(access_token), /^[\w-]+\.[\w-]+\.[\w-]+$/);
    assert.match(String(refresh_token), /^[\w-]{43}$/);
    assert.deepEqual(others, { token_type: 'Bearer', expires_in: ACCESS_SECONDS });
  });

  test('is told of what it is not', async () => {
    const login = (body: unknown) => api.request('POST', '/v1/auth/login', { body });
    const long = await login({ email: 'x'.repeat(255), password: '' });
    assert.deepEqual(faultsOf(long), ['#/email too_long', '#/password too_short']);
    assert.deepEqual(faultsOf(await login({})), ['#/email required', '#/password required']);
  });

  test('makes a weak hash anew', async () => {
    const user = await api.user();
    const weak = '$argon2i$v=19$m=1024,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$wrong';
    const users = service.db.updateTable('users').where('id', '=', user.id);
    await users.set({ password_hash: weak }).execute();
    const refused = { email: user.email, password: PASSWORD };
    assert.equal((await api.request('POST', '/v1/auth/login', { body: refused })).status, 401);
    await users.set({ password_hash: await bcrypt.hash(PASSWORD, 4) }).execute();
    assert.equal((await api.request('POST', '/v1/auth/login', { body: refused })).status, 200);
    const { password_hash: made } = await hashOf(user.id);
    assert.match(made, /^\$argon2id\$/);
    assert.equal((await api.request('POST', '/v1/auth/login', { body: refused })).status, 200);
    assert.equal((await hashOf(user.id)).password_hash, made);
  });
});

describe('sessions', () => {
  const refresh = (refreshToken: unknown) =>
    api.request('POST', '/v1/auth/refresh', { body: { refresh_token: refreshToken } });

  const sessionsOf = ({ id }: Caller) => {
    const sessions = service.db.selectFrom('sessions').selectAll().where('user_id', '=', id);
    return sessions.orderBy('id').execute();
  };
  const change = ({ id }: Caller, changes: Record<string, unknown>) =>
    service.db.updateTable('sessions').set(changes).where('user_id', '=', id).execute();

  test('go on with new tokens, and are not idle then', async () => {
    const user = await api.user();
    await change(user, { refreshed_at: secondsAgo(IDLE_SECONDS - 60) });
    const reply = await refresh(user.refreshToken);
    assert.equal(reply.status, 200);
    assert.equal(reply.body['expires_in'], ACCESS_SECONDS);
    const token = { Authorization: `Bearer ${String(reply.body['access_token'])}` };
    assert.equal((await api.request('GET', '/v1/me', { headers: token })).status, 200);
    const [session] = await sessionsOf(user);
    assert.ok(session && secondsAgo(60).isBefore(session.refreshed_at));
    assert.equal(session.expires_at.text, session.created_at.plusSeconds(MAX_SECONDS).text);
  });

  test('do not go on with what is no refresh token', async () => {
    assert.equal(typeOf(await refresh('nonsense')), '/problems/invalid-refresh-token');
    assert.deepEqual(faultsOf(await refresh('x'.repeat(513))), ['#/refresh_token too_long']);
  });

  test('end when a spent refresh token comes back', async () => {
    const user = await api.user();
    const renewed = await refresh(user.refreshToken);
    assert.equal((await refresh(user.refreshToken)).status, 401);
    assert.equal((await refresh(renewed.body['refresh_token'])).status, 401);
    assert.equal((await user.request('GET', '/v1/me')).status, 401);
    assert.ok(service.lines.some((line) => line['event'] === 'authn_token_reuse'));
  });

  const ends: Record<string, (user: Caller) => Promise<unknown>> = {
    'have expired': (user) => change(user, { expires_at: secondsAgo(1) }),
    'were idle for too long': (user) =>
      change(user, { refreshed_at: secondsAgo(IDLE_SECONDS + 1) }),
    'were ended': (user) => change(user, { ended_at: Timestamp.now() }),
    'are those of a disabled user': ({ id }) =>
      service.db.updateTable('users').set({ is_active: false }).where('id', '=', id).execute(),
  };
  for (const [name, end] of Object.entries(ends)) {
    test(`end when they ${name}`, async () => {
      const user = await api.user();
      await end(user);
      assert.equal((await refresh(user.refreshToken)).status, 401);
      assert.equal((await user.request('GET', '/v1/me')).status, 401);
    });
  }

  test('end by logout, one or all', async () => {
    const [first, bystander] = [await api.user(), await api.user()];
    const [second, third] = [
      await api.login(first.email, PASSWORD),
      await api.login(first.email, PASSWORD),
    ];
    assert.equal((await first.request('POST', '/v1/auth/logout')).status, 204);
    assert.equal((await first.request('GET', '/v1/me')).status, 401);
    assert.equal((await second.request('GET', '/v1/me')).status, 200);
    const none = { body: { all: false } };
    assert.equal((await second.request('POST', '/v1/auth/logout', none)).status, 204);
    assert.equal((await third.request('GET', '/v1/me')).status, 200);
    const all = { body: { all: true } };
    const fourth = await api.login(first.email, PASSWORD);
    const [{ ended_at: endOfFirst } = { ended_at: null }] = await sessionsOf(first);
    assert.equal((await fourth.request('POST', '/v1/auth/logout', all)).status, 204);
    assert.equal((await third.request('GET', '/v1/me')).status, 401);
    assert.equal((await fourth.request('GET', '/v1/me')).status, 401);
    assert.deepEqual((await sessionsOf(first))[0]?.ended_at, endOfFirst);
    assert.equal((await bystander.request('GET', '/v1/me')).status, 200);
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

describe('a new password', () => {
  const NEW = 'another long passphrase';
  const change = (user: Caller, current_password: string, new_password = NEW) =>
    user.request('POST', '/v1/me/password', { body: { current_password, new_password } });

  test('takes the current one, and is not the own address', async () => {
    const user = await api.user();
    assert.deepEqual(faultsOf(await change(user, 'wrong', user.email.toUpperCase())), [
      '#/current_password incorrect',
      '#/new_password blocked_password',
    ]);
    assert.deepEqual(faultsOf(await change(user, 'wrong')), ['#/current_password incorrect']);
    assert.deepEqual(faultsOf(await change(user, PASSWORD, 'short')), ['#/new_password too_short']);
    await api.login(user.email, PASSWORD);
  });

  test('is in force at once, in place of the one before', async () => {
    const user = await api.user();
    const before = await lockUser(service.db, user.id);
    assert.equal((await change(user, PASSWORD)).status, 204);
    const after = await lockUser(service.db, user.id);
    assert.ok(before && after && before.updated_at.isBefore(after.updated_at));
    assert.equal((await change(user, PASSWORD)).status, 422);
    assert.equal((await change(user, NEW, PASSWORD)).status, 204);
  });

  test('is given by one of two who try at the same time', async () => {
    const user = await api.user();
    const changes = [1, 2].map((count) => change(user, PASSWORD, `${NEW} ${count}`));
    const replies = await Promise.all(changes);
    assert.deepEqual(replies.map(({ status }) => status).sort(), [204, 422]);
  });

  test('that came meanwhile makes a password that was right wrong', async () => {
    const passwords = createPasswords(5000);
    const { id } = await api.user();
    const user = await lockUser(service.db, id);
    assert.ok(user);
    const isStill = async () =>
      (await lockUserIfStill(service.db, passwords, user, PASSWORD)) !== undefined;
    const set = (changes: Record<string, unknown>) =>
      service.db.updateTable('users').set(changes).where('id', '=', id).execute();
    assert.ok(await isStill());
    await set({ password_hash: await passwords.hash(PASSWORD) });
    assert.ok(await isStill(), 'only its hash was made anew');
    await set({ password_hash: await passwords.hash(NEW) });
    assert.ok(!(await isStill()));
    await set({ password_hash: user.password_hash, is_active: false });
    assert.ok(!(await isStill()));
    assert.equal(
      await lockUserIfStill(service.db, passwords, { ...user, id: newId() }, PASSWORD),
      undefined,
    );
  });
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
  const { display_name, updated_at, ...others } = changed.body;
  assert.equal(display_name, 'Lovelace');
  assert.ok(String(updated_at) > String(before.body['updated_at']));
  assert.deepEqual({ ...before.body, ...others }, before.body);
  assert.deepEqual((await user.request('GET', '/v1/me')).body, changed.body);
  const long = { display_name: 'x'.repeat(101), role: 'admin' };
  assert.deepEqual(faultsOf(await user.request('PATCH', '/v1/me', { body: long })), [
    '#/display_name too_long',
    '#/role unknown_field',
  ]);
});

test('the log tells what becomes of an account', async () => {
  const before = service.lines.length;
  const user = await api.user();
  await user.request('PATCH', '/v1/me', { body: { display_name: 'Lovelace' } });
  const next = { current_password: PASSWORD, new_password: 'another long passphrase' };
  await user.request('POST', '/v1/me/password', { body: { ...next, current_password: 'wrong' } });
  await user.request('POST', '/v1/me/password', { body: next });
  const body = { name: 'script', scopes: ['profile:read'] };
  const key = await user.request('POST', '/v1/api-keys', { body });
  await user.request('DELETE', key.headers.get('location') ?? '');
  await api.request('POST', '/v1/auth/refresh', { body: { refresh_token: user.refreshToken } });
  await user.request('POST', '/v1/auth/logout');
  await user.request('GET', '/v1/me');
  assert.deepEqual(eventsSince(before), [
    'user_created',
    'authn_login_success',
    'session_created',
    'user_updated',
    'authn_password_change_fail',
    'authn_password_change',
    'authn_token_created',
    'authn_token_revoked',
    'session_renewed',
    'authn_token_revoked',
    'authn_token_invalid',
  ]);
  const ids = service.lines.slice(before).map((line) => line['user.id']);
  assert.deepEqual(new Set(ids), new Set([undefined, user.id]));
});

test('metrics count logins by their outcome', async () => {
  const counts = async () => {
    const headers = { Authorization: `Bearer ${METRICS_TOKEN}` };
    const { text } = await api.request('GET', '/metrics', { headers });
    return ['success', 'failure'].map((outcome) =>
      Number(new RegExp(`auth_login_total\\{outcome="${outcome}"\\} (\\d+)`).exec(text)?.[1]),
    );
  };
  const [successes = 0, failures = 0] = await counts();
  const { email } = await api.user();
  await api.request('POST', '/v1/auth/login', { body: { email, password: 'wrong' } });
  assert.deepEqual(await counts(), [successes + 1, failures + 1]);
});

describe('API keys', () => {
  const creation = { name: 'script', scopes: ['profile:read'] };

  test('work until they are deleted, and are shown once', async () => {
    const user = await api.user();
    const made = await user.request('POST', '/v1/api-keys', { body: creation });
    assert.equal(made.status, 201);
    const { key, ...record } = made.body;
    const { id, created_at } = record;
    const fresh = { id, ...creation, expires_at: null, last_used_at: null, created_at };
    assert.deepEqual(record, fresh);
    const headers = { 'X-API-Key': String(key) };
    assert.equal((await api.request('GET', '/v1/me', { headers })).body['id'], user.id);
    const path = made.headers.get('location') ?? '';
    assert.equal(path, `/v1/api-keys/${String(id)}`);
    const { last_used_at, ...others } = (await user.request('GET', path)).body;
    assert.ok(last_used_at);
    assert.deepEqual({ ...others, last_used_at: null }, fresh);
    assert.equal((await user.request('DELETE', path)).status, 204);
    assert.equal((await user.request('DELETE', path)).status, 404);
    assert.equal((await api.request('GET', '/v1/me', { headers })).status, 401);
  });

  const keyRow = (id: unknown) => service.db.updateTable('api_keys').where('id', '=', String(id));

  test('tell when they were used last, to the minute', async () => {
    const user = await api.user();
    const { body } = await user.request('POST', '/v1/api-keys', { body: creation });
    const lastUse = async (before: Timestamp) => {
      await keyRow(body['id']).set({ last_used_at: before }).execute();
      const headers = { 'X-API-Key': String(body['key']) };
      assert.equal((await api.request('GET', '/v1/me', { headers })).status, 200);
      return (await user.request('GET', `/v1/api-keys/${String(body['id'])}`)).body['last_used_at'];
    };
    const [justNow, before] = [secondsAgo(30), secondsAgo(61)];
    assert.equal(await lastUse(justNow), justNow.text);
    assert.ok(String(await lastUse(before)) > justNow.text);
  });

  test('are good as a whole only', async () => {
    const user = await api.user();
    const { body } = await user.request('POST', '/v1/api-keys', { body: creation });
    const key = String(body['key']);
    const headers = { 'X-API-Key': `${key.slice(0, -2)}${key.endsWith('AA') ? 'BB' : 'AA'}` };
    assert.equal((await api.request('GET', '/v1/me', { headers })).status, 401);
  });

  test('say what they are for', async () => {
    const user = await api.user();
    const faultsFor = async (body: object) =>
      faultsOf(await user.request('POST', '/v1/api-keys', { body }));
    const long = { name: 'x'.repeat(101), scopes: [] };
    assert.deepEqual(await faultsFor(long), ['#/name too_long', '#/scopes too_few']);
    const other = { name: '', scopes: ['profile:read', 'profile:read', 'nonsense'] };
    assert.deepEqual(await faultsFor(other), [
      '#/name too_short',
      '#/scopes/1 duplicate',
      '#/scopes/2 invalid_value',
    ]);
  });

  const beyond = SCOPES.find((scope) => !scopesOf('user').includes(scope));
  test('have no scope that their maker has not', { skip: beyond === undefined }, async () => {
    const user = await api.user();
    const before = service.lines.length;
    const body = { name: 'x', scopes: ['profile:read', beyond] };
    const reply = await user.request('POST', '/v1/api-keys', { body });
    assert.equal(typeOf(reply), '/problems/insufficient-scope');
    assert.deepEqual(eventsSince(before), ['authz_fail']);
    assert.deepEqual((await user.request('GET', '/v1/api-keys')).body['items'], []);
  });

  test('of a user who was disabled are good for nothing', async () => {
    const user = await api.user();
    const { body } = await user.request('POST', '/v1/api-keys', { body: creation });
    const users = service.db.updateTable('users').where('id', '=', user.id);
    await users.set({ is_active: false }).execute();
    const headers = { 'X-API-Key': String(body['key']) };
    assert.equal((await api.request('GET', '/v1/me', { headers })).status, 401);
  });

  test('are listed page by page, the newest first', async () => {
    const [user, other] = [await api.user(), await api.user()];
    await other.request('POST', '/v1/api-keys', { body: creation });
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
    const before = service.lines.length;
    const refused = await api.request('GET', '/v1/api-keys', { headers });
    assert.equal(typeOf(refused), '/problems/insufficient-scope');
    assert.match(refused.headers.get('www-authenticate') ?? '', /error="insufficient_scope"/);
    assert.deepEqual(eventsSince(before), ['authz_fail']);
    const both = await user.request('GET', '/v1/me', { headers });
    assert.equal(typeOf(both), '/problems/malformed-request');
  });

  test('of others do not exist', async () => {
    const [user, stranger] = [await api.user(), await api.user()];
    const made = await user.request('POST', '/v1/api-keys', { body: creation });
    const path = made.headers.get('location') ?? '';
    assert.equal((await stranger.request('GET', path)).status, 404);
    assert.equal((await stranger.request('DELETE', path)).status, 404);
    assert.equal((await user.request('GET', path)).status, 200);
    assert.equal((await user.request('GET', '/v1/api-keys/nonsense')).status, 404);
    assert.equal((await user.request('DELETE', '/v1/api-keys/nonsense')).status, 404);
  });

  test('may expire, and not in the past', async () => {
    const user = await api.user();
    const body = { ...creation, expires_at: '2001-01-01T00:00:00Z' };
    const refused = await user.request('POST', '/v1/api-keys', { body });
    assert.deepEqual(faultsOf(refused), ['#/expires_at in_past']);
    const expires_at = new Date(Date.now() + 60_000).toISOString();
    const made = await user.request('POST', '/v1/api-keys', { body: { ...creation, expires_at } });
    assert.equal(made.body['expires_at'], expires_at);
    const headers = { 'X-API-Key': String(made.body['key']) };
    assert.equal((await api.request('GET', '/v1/me', { headers })).status, 200);
    await keyRow(made.body['id']).set({ expires_at: Timestamp.now() }).execute();
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

  for (const headers of [{}, { Authorization: 'Basic YTpi' }, { Authorization: 'Bearers x' }]) {
    test(`none at all: ${JSON.stringify(headers)}`, async () => {
      const reply = await api.request('GET', '/v1/me', { headers });
      assert.equal(reply.status, 401);
      assert.equal(reply.body['type'], 'about:blank');
      assert.equal(reply.headers.get('www-authenticate'), 'Bearer realm="api"');
    });
  }
});

test('the scheme of a token is written in either case', async () => {
  const { accessToken, id } = await api.user();
  const headers = { Authorization: `bEARER  ${accessToken}` };
  assert.equal((await api.request('GET', '/v1/me', { headers })).body['id'], id);
});

test('a role counts as it is now, not as it was when the credential was made', async () => {
  const user = await api.user();
  const role = async () => (await user.request('GET', '/v1/me')).body['role'];
  assert.equal(await role(), 'user');
  const users = service.db.updateTable('users').where('id', '=', user.id);
  await users.set({ role: 'admin' }).execute();
  assert.equal(await role(), 'admin');
});

test('the public keys may be kept for a while', async () => {
  const reply = await api.request('GET', '/.well-known/jwks.json');
  assert.equal(reply.headers.get('cache-control'), 'public, max-age=300');
  assert.deepEqual(Object.keys((reply.body['keys'] as object[])[0] ?? {}).sort(), [
    'alg',
    'e',
    'kid',
    'kty',
    'n',
    'use',
  ]);
});

test('cleanup deletes sessions that can never be used again', async () => {
  const [live, expired, idle] = [await api.user(), await api.user(), await api.user()];
  const change = ({ id }: Caller, changes: Record<string, unknown>) =>
    service.db.updateTable('sessions').set(changes).where('user_id', '=', id).execute();
  const [now, idleSince] = [Timestamp.now(), secondsAgo(IDLE_SECONDS)];
  await deleteExpiredSessions(service.db, now, idleSince); // those of other tests
  await change(live, { refreshed_at: secondsAgo(IDLE_SECONDS - 60) });
  await change(expired, { expires_at: secondsAgo(1) });
  await change(idle, { refreshed_at: secondsAgo(IDLE_SECONDS + 60) });
  assert.equal(await deleteExpiredSessions(service.db, now, idleSince), 2);
  for (const [{ id }, left] of [
    [live, 1],
    [expired, 0],
    [idle, 0],
  ] as const) {
    const sessions = service.db.selectFrom('sessions').where('user_id', '=', id);
    assert.equal((await sessions.select('id').execute()).length, left);
  }
});
