import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { type Fault, ValidationFailedError } from '../../src/problems/errors.ts';
import {
  boolean,
  check,
  choice,
  type Field,
  futureTime,
  integer,
  list,
  nullable,
  object,
  optional,
  queryInteger,
  text,
  uuid,
} from '../../src/http/schema.ts';

function faultsOf(field: Field<unknown>, value: unknown): readonly Fault[] {
  try {
    check(field, value);
  } catch (error) {
    assert.ok(error instanceof ValidationFailedError);
    return error.faults;
  }
  return [];
}

function codeOf(field: Field<unknown>, value: unknown): string {
  return faultsOf(field, value)[0]?.code ?? 'valid';
}

describe('a value', () => {
  const cases: [string, Field<unknown>, unknown, string][] = [
    ['text that fits', text({ maximum: 3 }), 'abc', 'valid'],
    ['characters beyond 16 bits count once', text({ maximum: 2 }), '😀😀', 'valid'],
    ['empty text', text(), '', 'too_short'],
    ['long text', text({ maximum: 2 }), 'abc', 'too_long'],
    ['a number for text', text(), 1, 'wrong_type'],
    ['null for text', text(), null, 'wrong_type'],
    ['NUL', text(), 'a\0', 'invalid_format'],
    ['half of a pair', text(), 'a\ud800', 'invalid_format'],
    ['another form', text({ pattern: /^[A-Z]+$/ }), 'a', 'invalid_format'],
    ['an integer', integer(0, 5), 5, 'valid'],
    ['a whole number in another spelling', integer(0, 500), JSON.parse('5.0e1'), 'valid'],
    ['a fraction', integer(0, 5), 1.5, 'wrong_type'],
    ['text for an integer', integer(0, 5), '1', 'wrong_type'],
    ['true for an integer', integer(0, 5), true, 'wrong_type'],
    ['a small integer', integer(1, 5), 0, 'too_small'],
    ['a number beyond all numbers', integer(1, 5), JSON.parse('1e400'), 'too_large'],
    ['digits in a query', queryInteger(1, 5), '3', 'valid'],
    ['a sign in a query', queryInteger(1, 5), '+3', 'wrong_type'],
    ['a boolean', boolean(), false, 'valid'],
    ['text for a boolean', boolean(), 'false', 'wrong_type'],
    ['a choice', choice(['a', 'b']), 'b', 'valid'],
    ['no choice', choice(['a', 'b']), 'c', 'invalid_value'],
    ['a number for a choice', choice(['a', 'b']), 1, 'wrong_type'],
    ['a UUID in upper case', uuid(), '01A207D5-36C7-710E-B490-F54A05637BDC', 'invalid_format'],
    ['the far future', futureTime(), '2999-12-31T23:59:59Z', 'valid'],
    ['the past', futureTime(), '2001-01-01T00:00:00Z', 'in_past'],
    ['a day that is none', futureTime(), '2999-02-30T00:00:00Z', 'invalid_format'],
    ['a time with an offset', futureTime(), '2999-01-01T00:00:00+01:00', 'invalid_format'],
    ['a number for a time', futureTime(), 1, 'wrong_type'],
    ['null where it is allowed', nullable(text()), null, 'valid'],
    ['an empty list', list(text(), { maximum: 2 }), [], 'too_few'],
    ['a long list', list(text(), { maximum: 1 }), ['a', 'b'], 'too_many'],
    ['an object for a list', list(text(), { maximum: 1 }), {}, 'wrong_type'],
    ['a list for an object', object({}), [], 'wrong_type'],
  ];
  for (const [name, field, value, code] of cases) {
    test(`${name}: ${code}`, () => {
      assert.equal(codeOf(field, value), code);
    });
  }
});

test('all faults are found at once, with their places', () => {
  const line = object({ id: text(), count: integer(1, 9) });
  const order = object({ lines: list(line, { maximum: 9, key: 'id' }), note: optional(text()) });
  const faults = faultsOf(order, {
    lines: [
      { id: 'a', count: 0 },
      { id: 'a', count: 1, extra: 1 },
    ],
    'a/b~c %': 1,
  });
  assert.deepEqual(faults.map(({ place, code }) => `${place} ${code}`).sort(), [
    '#/a~1b~0c%20%25 unknown_field',
    '#/lines/0/count too_small',
    '#/lines/1/extra unknown_field',
    '#/lines/1/id duplicate',
  ]);
});

test('a field that may be missing is left out, or has its default', () => {
  const schema = object({ a: optional(text()), b: optional(integer(0, 9), 7) });
  assert.deepEqual(check(schema, {}), { b: 7 });
});

test('names of prototypes are unknown fields', () => {
  const value: unknown = JSON.parse('{"__proto__": 1, "constructor": 2}');
  assert.deepEqual(
    faultsOf(object({}), value).map(({ place }) => place),
    ['#/__proto__', '#/constructor'],
  );
});
