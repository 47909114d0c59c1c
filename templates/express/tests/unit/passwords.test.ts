import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import bcrypt from 'bcryptjs';

import { hashPassword, isOutdated, verifyPassword } from '../../src/auth/passwords.ts';

describe('a password', () => {
  test('is stored as a PHC string with a salt of its own', async () => {
    const hashes = await Promise.all([hashPassword('secret'), hashPassword('secret')]);
    assert.match(hashes[0], /^\$argon2id\$v=19\$m=19456,t=2,p=1\$[\w+/]{22}\$[\w+/]{43}$/);
    assert.notEqual(hashes[0], hashes[1]);
    assert.ok(await verifyPassword('secret', hashes[1]));
    assert.ok(!(await verifyPassword('Secret', hashes[1])));
    assert.ok(!isOutdated(hashes[0]));
  });

  test('of an imported table is known, and its hash outdated', async () => {
    const stored = await bcrypt.hash('secret', 4);
    assert.ok(await verifyPassword('secret', stored));
    assert.ok(isOutdated(stored));
  });

  for (const stored of ['nonsense', '$argon2id$v=19$m=1,t=1,p=1$AAAA$AAAA']) {
    test(`is nobody's where ${stored} is stored`, async () => {
      assert.ok(!(await verifyPassword('secret', stored)));
    });
  }
});
