import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import bcrypt from 'bcrypt';

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
    for (const version of ['2a', '2b', '2y']) {
      const hash = stored.replace('2b', version);
      assert.ok(await verify('secret', hash), version);
      assert.ok(!(await verify('Secret', hash)), version);
      assert.ok(isOutdated(hash));
    }
  });

  test('of an imported table is checked beside the thread that serves', async () => {
    const stored = await bcrypt.hash('secret', 12);
    let turns = 0;
    const watch = setInterval(() => turns++, 1);
    await Promise.all([verify('secret', stored), verify('secret', stored)]);
    clearInterval(watch);
    assert.ok(turns > 2, `the thread had ${turns} turns meanwhile`);
  });

  // As another service of the fleet may have stored "secret".
  const made = {
    id: '$argon2id$v=19$m=64,t=1,p=2$c29tZXNhbHQ$S3Lajg55evZVboE7O39Ij0iCFwMgZQQ4',
    i: '$argon2i$v=19$m=128,t=3,p=1$c2FsdHNhbHQrL3NhbHRzYQ$dxEkK7bmvdWLzAP2pmfPJHvdRm6+9Sy9',
  };

  test('of another service is known by its own parameters', async () => {
    for (const stored of Object.values(made)) {
      assert.ok(await verify('secret', stored), stored);
      assert.ok(!(await verify('Secret', stored)), stored);
    }
  });

  for (const stored of [
    'nonsense',
    '$argon2id$v=19$m=1,t=1,p=1$AAAA$AAAA', // less memory than Argon2 can work with
    `x${made.id}`,
    `${made.id}$`,
    made.id.replace('v=19', 'v=16'),
    made.id.replace('argon2id', 'argon2d'),
  ]) {
    test(`is nobody's where ${stored} is stored`, async () => {
      assert.ok(!(await verify('secret', stored)));
      assert.ok(isOutdated(stored));
    });
  }

  test('is hashed anew where its hash is weaker than ours, and not where it is stronger', () => {
    const hashOf = (parameters: string, algorithm = 'argon2id') =>
      `$${algorithm}$v=19$${parameters}$c29tZXNhbHRzb21lc2FsdA$c29tZWtleXNvbWVrZXk`;
    for (const weaker of ['m=19455,t=2,p=1', 'm=19456,t=1,p=1', 'm=65536,t=1,p=4']) {
      assert.ok(isOutdated(hashOf(weaker)), weaker);
    }
    assert.ok(isOutdated(hashOf('m=19456,t=2,p=1', 'argon2i')));
    for (const fit of ['m=19456,t=2,p=1', 'm=1048576,t=100,p=16']) {
      assert.ok(!isOutdated(hashOf(fit)), fit);
    }
  });

  for (const name of ['hash', 'verifyNothing'] as const) {
    test(`is not waited for without end: ${name}`, async () => {
      const passwords = createPasswords(1);
      const works = Array.from({ length: 8 }, () => passwords[name]('secret'));
      const outcomes = await Promise.allSettled<unknown>(works);
      const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
      assert.ok(refused.length > 0);
      assert.ok(refused.every(({ reason }) => reason instanceof UnavailableError));
    });
  }
});
