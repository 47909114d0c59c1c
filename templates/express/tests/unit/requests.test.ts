import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { BlockList } from 'node:net';
import { describe, test } from 'node:test';

import { createHealth } from '../../src/health/health.service.ts';
import { createAddresses, limitKey } from '../../src/http/addresses.ts';
import { parseTraceparent } from '../../src/observability/context.ts';

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

  test('is known without the port that a gateway adds', () => {
    assert.equal(from('10.0.0.1', '203.0.113.5:4711'), '203.0.113.5');
    assert.equal(from('10.0.0.1', '[2001:db8::1]:443'), '2001:db8::1');
    assert.equal(from('10.0.0.1', '[2001:db8::1]'), '2001:db8::1');
    assert.equal(from('10.0.0.1', '203.0.113.5, 10.1.1.1:80'), '203.0.113.5');
    for (const nonsense of ['203.0.113.5:', '203.0.113.5:x', '[203.0.113.5', '2001:db8::1]:1']) {
      assert.equal(from('10.0.0.1', nonsense), '10.0.0.1');
    }
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
