import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import type { Request } from 'express';

import { Timestamp } from '../../src/database/timestamp.ts';
import {
  keysetOf,
  type KeyType,
  linkToNext,
  type PageRequest,
  toPage,
} from '../../src/http/pagination.ts';
import { PAGE_PARAMETERS, readQuery, sortParameter } from '../../src/http/query.ts';
import { check, object, optional, text } from '../../src/http/schema.ts';
import { MalformedRequestError, ValidationFailedError } from '../../src/problems/errors.ts';

const ID = '01a207d5-36c7-710e-b490-f54a05637bd1';

const request = (url: string) => ({ url }) as unknown as Request;

describe('a query', () => {
  const schema = object({ q: optional(text({ maximum: 9 })), ...PAGE_PARAMETERS });
  const read = (query: string) => readQuery(request(`/v1/things${query}`), schema);
  const faultsOf = (query: string) => {
    try {
      read(query);
    } catch (error) {
      assert.ok(error instanceof ValidationFailedError);
      return error.faults.map(({ place, code }) => `${place} ${code}`).sort();
    }
    return [];
  };

  test('has defaults, and parameters that nobody knows', () => {
    assert.deepEqual(read(''), { limit: 20, cursor: '' });
    assert.deepEqual(read('?&limit=5&&other=%20'), { limit: 5, cursor: '' });
  });

  for (const [sent, meant] of [
    ['a+b%2B', 'a b+'],
    ['a=b=c', 'a=b=c'],
    ['%C3%BC', 'ü'],
    ['\xc3\xbc', 'ü'], // as Node.js hands it over
    ['\xef\xbb\xbfa', '\ufeffa'],
  ] as const) {
    test(`with ${JSON.stringify(sent)} means ${meant}`, () => {
      assert.equal(read(`?q=${sent}`).q, meant);
    });
  }

  test('has all its faults named, by parameter', () => {
    assert.deepEqual(faultsOf('?q=&limit=0'), ['limit too_small', 'q too_short']);
    assert.deepEqual(faultsOf('?limit=101'), ['limit too_large']);
    assert.deepEqual(faultsOf('?limit=1&limit=1'), ['limit duplicate']);
    assert.deepEqual(faultsOf('?limit=1&limit=1&q='), ['limit duplicate', 'q too_short']);
    assert.deepEqual(faultsOf(`?cursor=${'x'.repeat(513)}`), ['cursor too_long']);
  });

  for (const query of ['?q=%zz', '?q=%ff', '?%ff=1', '?q=\xff']) {
    test(`that is not in UTF-8 is malformed: ${JSON.stringify(query)}`, () => {
      assert.throws(() => read(query), MalformedRequestError);
    });
  }

  test('of which a rule of its own breaks is the fault of the service', () => {
    const broken = object({}, () => {
      throw new RangeError();
    });
    assert.throws(() => readQuery(request('/'), broken), RangeError);
  });
});

test('a list can be sorted by each column that is named, one way or the other', () => {
  const sort = sortParameter({ name: 'text', created_at: 'timestamp' }, '-created_at');
  for (const value of ['name', '-name', 'created_at', '-created_at']) {
    assert.equal(check(sort, value), value);
  }
  assert.throws(() => check(sort, 'id'), ValidationFailedError);
});

const first: PageRequest = {
  path: '/v1/things',
  sorts: { created_at: 'timestamp' },
  sort: '-created_at',
  limit: 1,
  cursor: '',
  filters: { q: "it's", by: '(a*)!' },
};
const rows = [1, 2].map((day) => ({
  id: `01a207d5-36c7-710e-b490-f54a05637bd${day}`,
  created_at: Timestamp.of(Date.UTC(2030, 0, day)),
}));
const { items, nextCursor } = toPage(first, rows);
const cursor = nextCursor ?? '';

describe('a page', () => {
  test('is ordered as it is asked for, and one row more is looked for', () => {
    const keyset = { column: 'created_at', direction: 'desc', after: undefined, limit: 2 };
    assert.deepEqual(keysetOf(first), keyset);
    const other = keysetOf({ ...first, sort: 'created_at', limit: 9 });
    assert.deepEqual(other, { ...keyset, direction: 'asc', limit: 10 });
  });

  test('has a next one only where there is more', () => {
    assert.deepEqual(items, rows.slice(0, 1));
    assert.deepEqual(toPage({ ...first, limit: 2 }, rows), { items: rows, nextCursor: null });
    assert.deepEqual(toPage(first, []), { items: [], nextCursor: null });
  });

  test('is not cut from rows of which some have nothing to be sorted by', () => {
    const nameless = { ...rows[0], id: ID, created_at: null };
    assert.throws(() => toPage({ ...first, limit: 9 }, [...rows, nameless]), TypeError);
  });

  test('links to the next one, with its filters', () => {
    const query = `q=it%27s&by=%28a%2A%29%21&sort=-created_at&limit=1&cursor=${cursor}`;
    assert.deepEqual(linkToNext(first, cursor), { Link: `</v1/things?${query}>; rel="next"` });
    assert.deepEqual(linkToNext(first, null), {});
  });
});

describe('a cursor', () => {
  test('stands for the last item shown, however many are asked for next', () => {
    const { after } = keysetOf({ ...first, cursor, limit: 9 });
    assert.deepEqual(after, { key: rows[0]?.created_at, id: rows[0]?.id });
  });

  test('does not care in which order filters are given', () => {
    const filters = Object.fromEntries(Object.entries(first.filters).reverse());
    assert.ok(keysetOf({ ...first, cursor, filters }).after);
  });

  test('is short', () => {
    assert.match(Buffer.from(cursor, 'base64url').toString(), /"[0-9a-f]{16}"\]$/);
  });

  const others: Record<string, Partial<PageRequest>> = {
    'for another list': { path: '/v1/others' },
    'without a filter': { filters: { q: "it's" } },
    'for another filter': { filters: { ...first.filters, q: 'its' } },
    'for another sort': { sort: 'created_at' },
    'with a bit changed': { cursor: `${cursor.slice(0, -1)}${cursor.endsWith('A') ? 'B' : 'A'}` },
    'that is nonsense': { cursor: 'nonsense' },
  };
  for (const [name, change] of Object.entries(others)) {
    test(`is refused ${name}`, () => {
      assert.throws(() => keysetOf({ ...first, cursor, ...change }), ValidationFailedError);
    });
  }
});

describe('a cursor made by who knows how', () => {
  const made = (type: KeyType, key: unknown, id = ID) => {
    const page: PageRequest = { ...first, sorts: { field: type }, sort: 'field' };
    // No list gives a key of null; its digest is that of an empty text.
    const row = { id, field: key ?? '' };
    const given = Buffer.from(toPage(page, [row, row]).nextCursor ?? '', 'base64url').toString();
    const [sort, , ...rest] = JSON.parse(given) as unknown[];
    const forged = JSON.stringify([sort, key, ...rest]);
    return { ...page, cursor: Buffer.from(forged).toString('base64url') };
  };

  const cases: [KeyType, good: unknown[], bad: unknown[]][] = [
    [
      'timestamp',
      ['2030-01-02T03:04:05.678Z', '0001-01-01T00:00:00.000Z'],
      [1, null, '2030-01-02', '2030-02-30T00:00:00.000Z', '0000-01-01T00:00:00.000Z', 'nonsense'],
    ],
    ['bigint', [0, -5, 2 ** 53 - 1], [1.5, 1e19, '1', null, true, [1]]],
    ['integer', [0, 2 ** 31 - 1, -(2 ** 31)], [2 ** 31, 1.5, '1', null]],
    ['text', ['', 'Grüner Tee', '😀'], [1, null, 'a\0', 'a\ud800', ['a']]],
  ];
  for (const [type, good, bad] of cases) {
    test(`holds what a column of ${type} can hold`, () => {
      for (const key of good) {
        const after = keysetOf(made(type, key)).after;
        assert.equal(JSON.stringify(after), JSON.stringify({ key, id: ID }));
      }
      for (const key of bad) {
        assert.throws(() => keysetOf(made(type, key)), ValidationFailedError, JSON.stringify(key));
      }
    });
  }

  test('holds an id', () => {
    assert.throws(() => keysetOf(made('text', 'x', 'nonsense')), ValidationFailedError);
  });
});
