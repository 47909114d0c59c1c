import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { EMAIL, normaliseEmail } from '../../src/auth/emails.ts';
import {
  hashSecret,
  idOfApiKey,
  isSameSecret,
  newApiKey,
  newSecret,
} from '../../src/auth/secrets.ts';

const ID = '01a207d5-36c7-710e-b490-f54a05637bd1';

test('a secret is 256 random bits, and kept as a digest', () => {
  assert.match(newSecret(), /^[\w-]{43}$/);
  assert.notEqual(newSecret(), newSecret());
  assert.equal(
    hashSecret('abc'),
    'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
  );
  assert.ok(isSameSecret('a', 'a'));
  assert.ok(!isSameSecret('a', 'ab'));
});

test('an API key names itself, in one form only', () => {
  const key = newApiKey(ID);
  assert.match(key, /^key_[0-9a-f]{32}_[\w-]{43}$/);
  assert.equal(idOfApiKey(key), ID);
  for (const other of ['', ` ${key}`, `${key}=`, key.slice(0, -1), key.replace('key', 'KEY')]) {
    assert.equal(idOfApiKey(other), undefined, other);
  }
});

describe('an e-mail address', () => {
  const label = 'a'.repeat(63);

  for (const good of ['a@b', "a.!#$%&'*+/=?^_`{|}~-z@b-c.example", `a@${label}.${label}`]) {
    test(`may be ${good}`, () => {
      assert.match(good, EMAIL);
    });
  }

  for (const bad of ['a', '@b', 'a@', 'a@b@c', 'a b@c', 'a@-b', 'a@b-', 'a@b.-c', 'a@b.c-']) {
    test(`is not ${bad}`, () => {
      assert.doesNotMatch(bad, EMAIL);
    });
  }

  test('has no trailing dot, no blank around it and no long label', () => {
    for (const bad of ['a@b.', 'a@b..c', ' a@b', 'a@b ', `a@a${label}`, `a@b.a${label}`]) {
      assert.doesNotMatch(bad, EMAIL, bad);
    }
  });

  test('is the same in either case of ASCII, and of nothing else', () => {
    assert.equal(normaliseEmail('Ada.Ä\u212A@Example.COM'), 'ada.Ä\u212A@example.com');
  });
});
