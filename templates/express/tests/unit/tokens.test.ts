import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { describe, test } from 'node:test';

import { decodeJwt, decodeProtectedHeader, SignJWT } from 'jose';

import { scopesOf } from '../../src/auth/roles.ts';
import { createTokens } from '../../src/auth/tokens.ts';
import type { AuthConfig } from '../../src/config/config.ts';

const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const previous = generateKeyPairSync('rsa', { modulusLength: 2048 });
const ISSUER = 'https://shop.example.com';
const USER = '01a207d5-36c7-710e-b490-f54a05637bd1';
const SESSION = '01a207d5-36c7-710e-b490-f54a05637bd2';

const config: AuthConfig = {
  issuer: ISSUER,
  audience: 'shop',
  privateKey,
  previousPublicKeys: [previous.publicKey],
  accessTtlSeconds: 900,
  refreshIdleSeconds: 900,
  refreshMaxSeconds: 900,
  passwordMinLength: 12,
  bootstrapAdminEmail: '',
  bootstrapAdminPassword: '',
};
const tokens = await createTokens(config);
const [kid = '', previousKid = ''] = tokens.keySet.keys.map((key) => key.kid);
const now = Math.floor(Date.now() / 1000);

interface Changes {
  readonly header?: Record<string, unknown>;
  readonly claims?: Record<string, unknown>;
  readonly key?: typeof privateKey;
}

function forge({ header = {}, claims = {}, key = privateKey }: Changes): Promise<string> {
  const good = { iss: ISSUER, aud: 'shop', sub: USER, sid: SESSION, iat: now, exp: now + 900 };
  return new SignJWT({ scope: 'profile:read', ...good, ...claims })
    .setProtectedHeader({ alg: 'RS256', typ: 'at+jwt', kid, ...header })
    .sign(key);
}

test('a token that was issued is read', async () => {
  const token = await tokens.read(await tokens.issue(USER, SESSION, 'user'));
  assert.deepEqual(token, { userId: USER, sessionId: SESSION, scopes: scopesOf('user') });
});

test('a token says what RFC 9068 asks for, and which session it is of', async () => {
  const token = await tokens.issue(USER, SESSION, 'user');
  assert.deepEqual(decodeProtectedHeader(token), { alg: 'RS256', typ: 'at+jwt', kid });
  const { iat = 0, exp, jti, ...claims } = decodeJwt(token);
  assert.deepEqual(claims, {
    iss: ISSUER,
    aud: 'shop',
    sub: USER,
    client_id: 'shop',
    sid: SESSION,
    scope: scopesOf('user').join(' '),
    roles: ['user'],
  });
  assert.ok(Math.abs(iat - Date.now() / 1000) < 5);
  assert.equal(exp, iat + 900);
  assert.notEqual(jti, decodeJwt(await tokens.issue(USER, SESSION, 'user')).jti);
});

test('the key set holds what a verifier needs, and nothing private', () => {
  for (const { n, ...key } of tokens.keySet.keys) {
    assert.match(String(n), /^[\w-]{342}$/);
    assert.ok(key.kid === kid || key.kid === previousKid);
    assert.deepEqual(key, { kty: 'RSA', use: 'sig', alg: 'RS256', kid: key.kid, e: 'AQAB' });
  }
});

test('a token without scopes, or with something else for them, has none', async () => {
  for (const scope of [undefined, ['profile:read']]) {
    assert.deepEqual((await tokens.read(await forge({ claims: { scope } })))?.scopes, []);
  }
});

test('the key before is still accepted, for tokens that name it', async () => {
  const header = { kid: previousKid };
  assert.ok(await tokens.read(await forge({ header, key: previous.privateKey })));
  assert.equal(await tokens.read(await forge({ key: previous.privateKey })), undefined);
});

describe('a signed token is refused', () => {
  const cases: Record<string, Changes> = {
    'of another issuer': { claims: { iss: 'https://evil.example.com' } },
    'without an issuer': { claims: { iss: undefined } },
    'for another audience': { claims: { aud: 'other' } },
    'without an audience': { claims: { aud: undefined } },
    'of another type': { header: { typ: 'JWT' } },
    'without a type': { header: { typ: undefined } },
    'with an unknown key': { header: { kid: 'unknown' } },
    'without a key': { header: { kid: undefined } },
    'with a list of keys': { header: { kid: [kid] } },
    'by another algorithm': { header: { alg: 'RS512' } },
    'that has expired': { claims: { exp: now - 10 } },
    'without an end': { claims: { exp: undefined } },
    'of a life beyond all settings': { claims: { exp: now + 86_400 + 30 } },
    'with a fraction as its end': { claims: { exp: now + 0.5 } },
    'from the future': { claims: { iat: now + 30 } },
    'with text for its beginning': { claims: { iat: String(now) } },
    'without a beginning': { claims: { iat: undefined } },
    'not valid yet': { claims: { nbf: now + 60 } },
    'without a user': { claims: { sub: undefined } },
    'of a user that is none': { claims: { sub: 'ada' } },
    'with a list of users': { claims: { sub: [USER] } },
    'without a session': { claims: { sid: undefined } },
    'with a list of sessions': { claims: { sid: [SESSION] } },
  };
  for (const [name, changes] of Object.entries(cases)) {
    test(name, async () => {
      assert.equal(await tokens.read(await forge(changes)), undefined);
    });
  }

  test('in another form, or with a signature that was changed', async () => {
    const good = await forge({});
    assert.ok(await tokens.read(good));
    for (const text of [`${good}=`, `${good}.`, `.${good}`, `=${good}`, ` ${good}`, `${good}\n`]) {
      assert.equal(await tokens.read(text), undefined, text);
    }
    const [head = '', body = '', signature = ''] = good.split('.');
    const other = `${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`;
    assert.equal(await tokens.read(`${head}.${body}.${other}`), undefined);
  });

  test('that lets its clock run a little ahead is not', async () => {
    assert.ok(await tokens.read(await forge({ claims: { iat: now + 3, exp: now + 60 } })));
    assert.ok(await tokens.read(await forge({ claims: { exp: now - 2 } })));
    assert.ok(await tokens.read(await forge({ claims: { exp: now + 86_400 } })));
  });
});
