import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { createApi } from '../support/api.ts';
import { METRICS_TOKEN, startService, unique } from '../support/service.ts';

const service = await startService({ REQUEST_TIMEOUT_MS: '1000' });
const api = createApi(service);
after(() => service.close());

/** What comes back on a bare connection until it is closed, or for half a second after the last. */
async function raw(...pieces: (string | Buffer)[]): Promise<string> {
  const socket = connect(service.port, '127.0.0.1');
  let received = '';
  socket.on('data', (data: Buffer) => (received += data.toString()));
  socket.on('error', () => undefined);
  const closed = new Promise((resolve) => socket.once('close', resolve));
  for (const piece of pieces) {
    socket.write(piece);
    await sleep(50);
  }
  await Promise.race([closed, sleep(450)]);
  socket.destroy();
  return received;
}

const head = (length: string) =>
  `POST /v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n${length}\r\n\r\n`;

describe('what cannot be read is refused:', () => {
  const login = (body: string, headers: Record<string, string> = {}) =>
    api.request('POST', '/v1/auth/login', {
      body,
      headers: { 'Content-Type': 'application/json', ...headers },
    });

  for (const body of ['', '{', '{} x', '\ufeff{}', "{'a': 1}", 'NaN']) {
    test(`${JSON.stringify(body)} is no JSON`, async () => {
      const reply = await login(body);
      assert.equal(reply.status, 400);
      assert.equal(reply.headers.get('content-type'), 'application/problem+json');
    });
  }

  test('bytes that are not UTF-8', async () => {
    const body = Buffer.from('{"email":"\xff"}', 'latin1');
    const reply = await raw(head(`Content-Length: ${body.length}`), body);
    assert.match(reply, /^HTTP\/1.1 400 /);
  });

  for (const name of ['Authorization', 'Content-Type', 'Idempotency-Key', 'X-API-Key']) {
    test(`${name} twice`, async () => {
      const twice = `${name}: a\r\n${name}: a\r\n`;
      const reply = await raw(`GET /v1/me HTTP/1.1\r\nHost: x\r\n${twice}\r\n`);
      assert.match(reply, /^HTTP\/1.1 400 .*malformed-request/s);
    });
  }

  test('another media type', async () => {
    const reply = await login('{}', { 'Content-Type': 'text/plain' });
    assert.equal(reply.status, 415);
    assert.equal(reply.headers.get('accept'), 'application/json');
  });

  test('an encoded body', async () => {
    const reply = await login('{}', { 'Content-Encoding': 'gzip' });
    assert.equal(reply.status, 415);
    assert.equal(reply.headers.get('accept-encoding'), 'identity');
  });

  test('a bad query', async () => {
    const user = await api.user();
    assert.equal((await user.request('GET', '/v1/api-keys?limit=%zz')).status, 400);
    assert.equal((await user.request('GET', '/v1/api-keys?limit=1&limit=2')).status, 422);
  });

  test('a bad path', async () => {
    assert.equal((await api.request('GET', '/v1/api-keys/%ff')).status, 400);
  });
});

describe('a body', () => {
  test('that is announced too large is refused before it comes', async () => {
    assert.match(await raw(head('Content-Length: 1000000000')), /^HTTP\/1.1 413 /);
  });

  test('without a length is read up to the limit', async () => {
    const chunk = `4000\r\n${' '.repeat(0x4000)}\r\n`;
    const reply = await raw(head('Transfer-Encoding: chunked'), ...Array<string>(6).fill(chunk));
    assert.match(reply, /^HTTP\/1.1 413 /);
  });

  test('in chunks is read', async () => {
    const reply = await raw(head('Transfer-Encoding: chunked'), '2\r\n{}\r\n0\r\n\r\n');
    assert.match(reply, /^HTTP\/1.1 422 /);
  });

  test('is asked for where the client waits for that', async () => {
    const reply = await raw(head('Content-Length: 2\r\nExpect: 100-continue'), '{}');
    assert.match(reply, /^HTTP\/1.1 100 .*\r\n\r\nHTTP\/1.1 422 /s);
  });

  test('that ends before its end is no request', async () => {
    const before = service.lines.length;
    await raw(head('Content-Length: 100'), '{');
    await sleep(100);
    const statuses = service.lines.slice(before).map((line) => line['http.response.status_code']);
    assert.deepEqual(statuses, [499]);
  });

  test('that may be left out has no media type where it is', async () => {
    const { request } = await api.user();
    const headers = { 'Content-Type': 'text/plain' };
    assert.equal((await request('POST', '/v1/auth/logout', { body: 'x', headers })).status, 415);
    assert.equal((await request('POST', '/v1/auth/logout', { body: '', headers })).status, 204);
  });
});

describe('what is no HTTP is refused without a page:', () => {
  for (const [request, status] of [
    ['nonsense\r\n\r\n', 400],
    ['GET /livez\r\n\r\n', 400],
    ['GET http://[::1 HTTP/1.1\r\nHost: x\r\n\r\n', 400],
    ['GET /livez HTTP/1.1\r\n\r\n', 400],
    ['GET /livez HTTP/1.2\r\nHost: x\r\n\r\n', 505],
    ['GET /livez HTTP/2.0\r\nHost: x\r\n\r\n', 505],
    ...['a b', 'a/b', 'a@b', '[::1', '[x]', 'x:y', 'x:99999999', 'x\r\nHost: x'].map(
      (host) => [`GET /livez HTTP/1.1\r\nHost: ${host}\r\n\r\n`, 400] as const,
    ),
    [`GET /livez HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, 431],
  ] as const) {
    test(JSON.stringify(request.slice(0, 40)), async () => {
      const reply = await raw(request);
      assert.match(reply, new RegExp(`^HTTP/1.1 ${status} .*\r\n\r\n$`, 's'));
    });
  }
});

for (const host of ['x', 'x:80', 'x:', '127.0.0.1:8000', '[::1]:80', 'a-b.example']) {
  test(`Host may be ${host}`, async () => {
    const request = `GET /livez HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
    assert.match(await raw(request), /^HTTP\/1.1 200 /);
  });
}

test('HTTP/1.0 with Transfer-Encoding is answered once and closed, and not told to go on', async () => {
  const request = head(
    'Transfer-Encoding: chunked\r\nConnection: keep-alive\r\nExpect: 100-continue',
  );
  const smuggled = 'GET /livez HTTP/1.1\r\nHost: x\r\n\r\n';
  const reply = await raw(
    request.replace('HTTP/1.1', 'HTTP/1.0'),
    `2\r\n{}\r\n0\r\n\r\n${smuggled}`,
  );
  assert.match(reply, /^HTTP\/1.1 422 /);
  assert.match(reply, /\r\nConnection: close\r\n/);
  assert.equal(reply.match(/HTTP\/1.1/g)?.length, 1);
});

test('a body with very many faults costs no more than one with fifty', async () => {
  const names = Array.from({ length: 4000 }, (_, index) => `"n${index}":1`);
  const body = `{${names.join(',')}}`;
  const headers = { 'Content-Type': 'application/json' };
  const reply = await api.request('POST', '/v1/auth/login', { body, headers });
  assert.equal(reply.status, 422);
  assert.equal((reply.body['errors'] as unknown[]).length, 50);
});

test('a client that trickles is cut off', async () => {
  const started = performance.now();
  await new Promise((resolve) => {
    const socket = connect(service.port, '127.0.0.1');
    const trickle = setInterval(() => socket.write('x'), 50);
    socket.on('error', () => undefined);
    socket.once('close', () => {
      clearInterval(trickle);
      resolve(undefined);
    });
    socket.write('GET /livez HTTP/1.1\r\nX-Slow: ');
  });
  assert.ok(performance.now() - started < 3000);
});

describe('every reply', () => {
  test('has the headers that protect it, and an id', async () => {
    for (const path of ['/livez', '/v1/me', '/nowhere']) {
      const { headers } = await api.request('GET', path);
      assert.equal(headers.get('x-content-type-options'), 'nosniff');
      assert.match(headers.get('content-security-policy') ?? '', /default-src 'none'/);
      assert.equal(headers.get('cache-control'), 'no-store');
      assert.match(headers.get('x-request-id') ?? '', /^[0-9a-f-]{36}$/);
      assert.equal(headers.get('x-powered-by'), null);
    }
  });

  test('keeps a request id that is a UUID, and no other', async () => {
    const id = 'F81D4FAE-7DEC-11D0-A765-00A0C91E6BF6';
    const kept = await api.request('GET', '/livez', { headers: { 'X-Request-Id': id } });
    assert.equal(kept.headers.get('x-request-id'), id.toLowerCase());
    const other = await api.request('GET', '/livez', { headers: { 'X-Request-Id': 'nonsense' } });
    assert.notEqual(other.headers.get('x-request-id'), 'nonsense');
  });

  test('behind a trusted proxy with https asks for https', async () => {
    const headers = { 'X-Forwarded-Proto': 'https' };
    const reply = await api.request('GET', '/livez', { headers });
    assert.ok(reply.headers.has('strict-transport-security'));
  });
});

describe('a method', () => {
  test('that does not work is 405 with Allow', async () => {
    const reply = await api.request('PUT', '/v1/me');
    assert.equal(reply.status, 405);
    assert.equal(reply.headers.get('allow'), 'GET, HEAD, OPTIONS, PATCH');
  });

  test('HEAD is GET without a body', async () => {
    const reply = await api.request('HEAD', '/livez');
    assert.equal(reply.status, 200);
    assert.equal(reply.headers.get('content-length'), '15');
  });

  test('OPTIONS names the others', async () => {
    const reply = await api.request('OPTIONS', '/v1/me');
    assert.equal(reply.status, 204);
    assert.ok(reply.headers.has('allow'));
  });
});

describe('CORS', () => {
  const preflight = (origin: string) =>
    api.request('OPTIONS', '/v1/me', {
      headers: { Origin: origin, 'Access-Control-Request-Method': 'PATCH' },
    });

  test('lets in the origins that are allowed', async () => {
    const reply = await preflight('https://app.example.com');
    assert.equal(reply.status, 204);
    assert.equal(reply.headers.get('access-control-allow-origin'), 'https://app.example.com');
    assert.equal(reply.headers.get('ratelimit'), null);
  });

  test('says nothing to others', async () => {
    const reply = await preflight('https://evil.example.com');
    assert.equal(reply.headers.get('access-control-allow-origin'), null);
    assert.equal(reply.headers.get('vary'), 'Origin');
  });
});

describe('operation', () => {
  test('it is alive and ready', async () => {
    assert.equal((await api.request('GET', '/livez')).text, '{"status":"ok"}');
    assert.equal((await api.request('GET', '/readyz')).status, 200);
  });

  test('while it stops, it is not ready and takes no work', async () => {
    Object.assign(service.lifecycle, { isDraining: true, isClosed: true });
    const replies = [
      await api.request('GET', '/readyz'),
      await api.request('GET', '/v1/me'),
      await api.request('GET', '/livez'),
    ];
    Object.assign(service.lifecycle, { isDraining: false, isClosed: false });
    assert.deepEqual(
      replies.map(({ status }) => status),
      [503, 503, 200],
    );
    assert.equal(replies[0]?.headers.get('retry-after'), '1');
  });

  test('metrics take their token, and count by template', async () => {
    assert.equal((await api.request('GET', '/metrics')).status, 401);
    const wrong = { headers: { Authorization: 'Bearer wrong' } };
    assert.equal((await api.request('GET', '/metrics', wrong)).status, 401);
    const user = await api.user();
    await user.request('GET', `/v1/api-keys/${unique()}`);
    await api.request('PROPFIND', '/nowhere');
    const headers = { Authorization: `Bearer ${METRICS_TOKEN}` };
    const { text } = await api.request('GET', '/metrics', { headers });
    assert.match(text, /http_route="\/v1\/api-keys\/\{id\}",http_response_status_code="404"/);
    assert.match(text, /http_request_method="_OTHER",http_route=""/);
    assert.match(text, /db_client_connection_count\{db_client_connection_state="used"\} 0/);
  });

  test('the page of the documentation loads from here alone', async () => {
    const page = await api.request('GET', '/docs');
    assert.match(page.headers.get('content-security-policy') ?? '', /script-src 'self'/);
    for (const [, path = ''] of page.text.matchAll(/(?:src|href)="(\/[^"]+)"/g)) {
      assert.equal((await api.request('GET', path)).status, 200);
    }
    assert.equal((await api.request('GET', '/docs/other.js')).status, 404);
  });
});

describe('the log', () => {
  test('has one access line for each request, with the ids of the reply', async () => {
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    const reply = await api.request('GET', '/v1/me', { headers: { traceparent } });
    const id = reply.headers.get('x-request-id');
    const [line, ...others] = service.lines.filter(
      (found) => found['request_id'] === id && found['event'] === 'http.server.request',
    );
    assert.equal(others.length, 0);
    assert.equal(line?.['level'], 'warn');
    assert.equal(line['http.route'], '/v1/me');
    assert.equal(line['trace_id'], '4bf92f3577b34da6a3ce929d0e0e4736');
    assert.equal(reply.body['trace_id'], line['trace_id']);
    assert.equal(reply.body['instance'], `urn:uuid:${String(id)}`);
  });

  test('tells of a failure what the reply does not', async () => {
    const user = await api.user();
    await service.db.schema.alterTable('users').renameTo('users_away').execute();
    const reply = await user.request('GET', '/v1/me');
    await service.db.schema.alterTable('users_away').renameTo('users').execute();
    assert.equal(reply.status, 500);
    assert.ok(!reply.text.includes('users'));
    const line = service.lines.find(
      (found) =>
        found['request_id'] === reply.headers.get('x-request-id') && 'exception.type' in found,
    );
    assert.match(String(line?.['exception.stacktrace']), /users/);
  });
});
