import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import type { Request } from 'express';

import { expectedVersions, isCurrent, versionTag } from '../../src/http/conditions.ts';
import { PreconditionFailedError } from '../../src/problems/errors.ts';

const request = (headers: Request['headers']) => ({ headers }) as unknown as Request;

describe('If-Match', () => {
  const expected = (header?: string) => expectedVersions(request({ 'if-match': header }));

  test('names versions by their ETags', () => {
    assert.deepEqual(expected(versionTag(3)), new Set([3]));
    assert.deepEqual([...(expected('"1", "20" ,"3"') ?? [])], [1, 20, 3]);
    assert.deepEqual(expected(''), new Set());
  });

  test('takes any version where it is missing or a star', () => {
    assert.equal(expected(), undefined);
    assert.equal(expected(' * '), undefined);
  });

  test('has no use for weak, foreign and broken tags', () => {
    for (const header of ['W/"1"', '"0"', '"01"', '"a"', '1', '']) {
      assert.equal(expected(header)?.has(1), false, header);
    }
  });

  test('that no version meets is a problem of its own', () => {
    const { problem, status } = new PreconditionFailedError();
    assert.deepEqual([problem, status], ['precondition-failed', 412]);
  });
});

test('If-None-Match names what is current, weakly too', () => {
  const isNamed = (header?: string) =>
    isCurrent(request({ 'if-none-match': header }), versionTag(2));
  for (const header of ['"2"', 'W/"2"', '"1", "2"', '"1,2", "2"', '*', ' * ']) {
    assert.ok(isNamed(header), header);
  }
  for (const header of [undefined, '', '2', '"1"', '"1,2"', '"1", "3"', '"2"x', 'x"2"']) {
    assert.ok(!isNamed(header), String(header));
  }
});
