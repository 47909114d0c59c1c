import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import bcrypt from 'bcryptjs';

import { createPasswords, isOutdated } from '../../src/auth/passwords.ts';
import { UnavailableError } from '../../src/problems/errors.ts';

const { hash, verify } = createPasswords(5000);

describe('a password', () => {
  test('is stored as a PHC string with a salt of its own', async () => {
    const hashes = await Promise.all([hash('secret'), hash('secret')]);
    assert.match(hashes[0], /^\$argon2id\$v=19\$m=19456,t=2,p=1\$[\w+/]{22}\$[\w+/]{43}$/);
    assert.notEqual(hashes[0], hashes[1]);
    assert.ok(await verify('secret', hashes[1]));
    assert.ok(!(await verify('Secret', hashes[1])));
    assert.ok(!isOutdated(hashes[0]));
  });

  test('of an imported table is known, and its hash outdated', async () => {
    const stored = await bcrypt.hash('secret', 4);
    assert.ok(await verify('secret', stored));
    assert.ok(isOutdated(stored));
  });

  for (const stored of ['nonsense', '$argon2id$v=19$m=1,t=1,p=1$AAAA$AAAA']) {
    test(`is nobody's where ${stored} is stored`, async () => {
      assert.ok(!(await verify('secret', stored)));
    });
  }

  test('is not waited for without end', async () => {
    const passwords = createPasswords(1);
    const hashes = Array.from({ length: 8 }, () => passwords.hash('secret'));
    const outcomes = await Promise.allSettled(hashes);
    const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
    assert.ok(refused.length > 0);
    assert.ok(refused.every(({ reason }) => reason instanceof UnavailableError));
  });
});
