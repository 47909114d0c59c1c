import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  checkVersion,
  differences,
  firstVersion,
  nextVersion,
} from '../../src/database/versioned.ts';
import { NotFoundError, PreconditionFailedError } from '../../src/problems/errors.ts';

test('each change is a version', () => {
  const row = { ...firstVersion(), name: 'first' };
  assert.equal(row.version, 1);
  assert.equal(differences(row, { name: 'first' }), undefined);
  const changes = differences(row, { name: 'second' });
  const changed = nextVersion(row, changes);
  assert.deepEqual([changed.version, changed.name], [2, 'second']);
  assert.ok(!changed.updated_at.isBefore(row.updated_at));
});

test('who knows another version is refused', () => {
  const row = firstVersion();
  assert.equal(checkVersion(row, undefined), row);
  assert.equal(checkVersion(row, new Set([1, 7])), row);
  assert.throws(() => checkVersion(row, new Set([2])), PreconditionFailedError);
  assert.throws(() => checkVersion(undefined, undefined), NotFoundError);
});
