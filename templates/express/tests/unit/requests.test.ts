import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { BlockList } from 'node:net';
import { describe, test } from 'node:test';

import { createHealth } from '../../src/health/health.service.ts';
import { createAddresses, limitKey } from '../../src/http/addresses.ts';
import { linkToNext, type PageRequest, keysetOf, toPage } from '../../src/http/pagination.ts';
import { parseTraceparent } from '../../src/observability/context.ts';
import { ValidationFailedError } from '../../src/problems/errors.ts';

describe('the client address', () => {
  const trusted = new BlockList();
  trusted.addSubnet('10.0.0.0', 8, 'ipv4');
  const addresses = createAddresses(trusted);
  const from = (peer: string, forwarded?: string) =>
    addresses.clientAddress({
      socket: { remoteAddress: peer },
      headers: { 'x-forwarded-for': forwarded },
    } as unknown as IncomingMessage);

  test('is the peer, if that is no trusted proxy', () => {
    assert.equal(from('192.0.2.1', '198.51.100.1'), '192.0.2.1');
  });

  test('is the first from the right that is not trusted', () => {
    assert.equal(from('::ffff:10.0.0.1', '198.51.100.1, 198.51.100.2, 10.1.1.1'), '198.51.100.2');
  });

  test('is the last trusted peer where the rest cannot be read', () => {
    assert.equal(from('10.0.0.1', '198.51.100.1, nonsense, 10.1.1.1'), '10.1.1.1');
  });

  test('is counted by its /64 in IPv6', () => {
    assert.equal(limitKey('2001:db8:1:2::1'), 'a:2001:db8:1:2::/64');
    assert.equal(limitKey('2001:db8::1'), 'a:2001:db8::/64');
    assert.equal(limitKey('192.0.2.1'), 'a:192.0.2.1');
  });
});

describe('traceparent', () => {
  const ids = '4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7';

  test('is read', () => {
    const parent = parseTraceparent(`00-${ids}-01`);
    assert.deepEqual(parent, {
      traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
      spanId: '00f067aa0ba902b7',
      flags: 1,
    });
  });

  test('may say more in later versions', () => {
    assert.ok(parseTraceparent(`01-${ids}-01-more`));
  });

  for (const header of [
    `ff-${ids}-01`,
    `00-${ids}-01-more`,
    `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`,
  ]) {
    test(`is ignored as ${header}`, () => {
      assert.equal(parseTraceparent(header), undefined);
    });
  }
});

describe('a cursor', () => {
  const first: PageRequest = {
    path: '/v1/things',
    sort: '-created_at',
    limit: 1,
    cursor: '',
    filters: { q: "it's" },
  };
  const rows = [1, 2].map((day) => ({
    id: `01a207d5-36c7-710e-b490-f54a05637bd${day}`,
    created_at: new Date(Date.UTC(2030, 0, day)),
  }));
  const { items, nextCursor } = toPage(first, rows);
  const cursor = nextCursor ?? '';

  test('stands for the last item shown', () => {
    assert.deepEqual(items, rows.slice(0, 1));
    assert.deepEqual(keysetOf({ ...first, cursor, limit: 9 }).after, {
      key: rows[0]?.created_at,
      id: rows[0]?.id,
    });
  });

  test('stands in the link to the next page, beside the filters', () => {
    const { Link } = linkToNext(first, cursor);
    const query = `q=it%27s&sort=-created_at&limit=1&cursor=${cursor}`;
    assert.equal(Link, `</v1/things?${query}>; rel="next"`);
  });

  const others: Record<string, Partial<PageRequest>> = {
    'for another list': { path: '/v1/others' },
    'for another filter': { filters: {} },
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

test('a probe that hangs fails in its own time, and is not asked twice at once', async () => {
  let asked = 0;
  const health = createHealth({
    quick: () => Promise.resolve(),
    hanging: () => {
      asked++;
      return new Promise(() => undefined);
    },
  });
  const answers = await Promise.all([health.check(), health.check()]);
  assert.deepEqual(answers[0], { quick: 'ok', hanging: 'fail' });
  assert.deepEqual(answers[1], answers[0]);
  assert.equal(asked, 1);
});
