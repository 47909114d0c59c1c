/** What Express' users know works beside the service's own ways, and comes out as they do. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, describe, test } from 'node:test';

import express, { type Express, Router } from 'express';
import createError from 'http-errors';

import type { Principal } from '../../src/auth/credentials.ts';
import { createGuard, principalOf } from '../../src/auth/guard.ts';
import { createAddresses } from '../../src/http/addresses.ts';
import { createBodyReader } from '../../src/http/body.ts';
import { sendJson } from '../../src/http/replies.ts';
import { operationsOf, requireDeclaredAccess } from '../../src/http/routing.ts';
import { object, text } from '../../src/http/schema.ts';
import { createMetrics } from '../../src/observability/metrics.ts';
import { createObserve } from '../../src/observability/observe.ts';
import { createErrorHandler } from '../../src/problems/error-handler.ts';
import { AlreadyExistsError, NotFoundError } from '../../src/problems/errors.ts';
import { createLimiter } from '../../src/rate-limiting/limiter.ts';
import { createApi } from '../support/api.ts';
import { createTestLog } from '../support/log.ts';
import type { Line } from '../support/service.ts';

const LIMIT = 1000;
const { log, lines } = createTestLog();
const metrics = createMetrics({ idle: 0, used: 0 });
const addresses = createAddresses(undefined);
const hits: string[] = [];
const limiter = createLimiter({
  limit: { count: LIMIT, seconds: 60 },
  counters: {
    hit: (key) => Promise.resolve({ count: hits.push(key), secondsLeft: 60 }),
    forget: () => Promise.resolve(),
    takeBack: () => Promise.resolve(),
  },
  addresses,
  metrics,
  log,
});
const principal = { user: { id: 'ada', role: 'user' }, scopes: new Set(['profile:read']) };
const guard = createGuard({
  credentials: {
    holdsOnlyKey: () => false,
    authenticate: () => Promise.resolve(principal as unknown as Principal),
  },
  limiter,
  log,
});
const bodies = createBodyReader(1000);

const ping = Router();
ping.use(guard.allow({ scope: 'profile:read' }));
ping.get('/ping', (_req, res) => {
  res.json({ caller: principalOf(res).user.id });
});
ping.get('/broken/:id', () => {
  throw createError(410, 'It went away.', { headers: { 'X-Own': '1' } });
});

const app = express();
app.use(createObserve({ addresses, log, metrics, tracing: undefined }));
app.use(express.json());
app.use(['/v1/mounted', '/v1/shops/:shop_id'], ping);
app.post('/v1/parsed', guard.public, (req, res) => {
  res.json(req.body);
});
app.post('/v1/strict', guard.public, async (req, res) => {
  sendJson(res, 200, await bodies.read(req, res, object({ name: text() })));
});
app.get('/v1/fails/:status', guard.public, (req) => {
  throw createError(Number(req.params['status']), 'in their words');
});
app.get('/v1/third-party', guard.public, () => {
  throw Object.assign(new Error('secret'), { status: 500 });
});
app.get('/v1/taken', guard.public, () => {
  throw new AlreadyExistsError();
});
app.get('/v1/admin', guard.allow({ scope: 'profile:read', role: 'admin' }), (_req, res) => {
  res.json({});
});
app.get('/v1/confused', guard.public, (_req, res) => {
  res.json(principalOf(res));
});
app.use((_req, _res, next) => {
  next(new NotFoundError());
});
app.use(createErrorHandler(log, limiter));

const server = createServer(app).listen(0, '127.0.0.1');
await once(server, 'listening');
after(() => server.close());
const api = createApi({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });

async function accessLine(): Promise<Line | undefined> {
  await new Promise((resolve) => setImmediate(resolve));
  return lines.findLast((line) => line['event'] === 'http.server.request');
}

describe('a mounted router', () => {
  test('asks for its credential, is limited, and logged under its full route', async () => {
    const reply = await api.request('GET', '/v1/mounted/ping');
    assert.deepEqual(reply.body, { caller: 'ada' });
    assert.equal(hits.at(-1), 'rl:default:u:ada');
    assert.match(reply.headers.get('ratelimit') ?? '', /^"default";r=/);
    assert.equal((await accessLine())?.['http.route'], '/v1/mounted/ping');
  });

  test('is measured by the template that it is mounted under, also where it fails', async () => {
    const reply = await api.request('GET', '/v1/shops/7/broken/8');
    assert.equal(reply.status, 410);
    assert.equal(reply.body['detail'], 'It went away.');
    assert.equal(reply.body['type'], 'about:blank');
    assert.equal(reply.headers.get('x-own'), '1');
    assert.equal((await accessLine())?.['http.route'], '/v1/shops/{shop_id}/broken/{id}');
    assert.match(await metrics.registry.metrics(), /http_route="\/v1\/shops\/\{shop_id\}\/broken/);
  });
});

describe('express.json()', () => {
  const post = (path: string, body: string) =>
    api.request('POST', path, { body, headers: { 'Content-Type': 'application/json' } });

  test('reads bodies', async () => {
    assert.deepEqual((await post('/v1/parsed', '{"a":1}')).body, { a: 1 });
  });

  test('refuses what is no JSON as a problem, which counts', async () => {
    const before = hits.length;
    const reply = await post('/v1/parsed', '{');
    assert.equal(reply.status, 400);
    assert.equal(reply.body['type'], '/problems/malformed-request');
    assert.equal(hits.length, before + 1);
  });

  test('leaves to the strict reader what it has read', async () => {
    assert.equal((await post('/v1/strict', '{"name":"x"}')).text, '{"name":"x"}');
    assert.equal((await post('/v1/strict', '{"name":1}')).status, 422);
  });
});

describe('http-errors', () => {
  for (const [status, type, header] of [
    [400, '/problems/malformed-request', ''],
    [401, 'about:blank', 'www-authenticate'],
    [403, '/problems/insufficient-scope', 'www-authenticate'],
    [404, 'about:blank', ''],
    [409, 'about:blank', ''],
    [415, 'about:blank', 'accept'],
    [418, 'about:blank', ''],
    [422, '/problems/validation-failed', ''],
    [429, '/problems/rate-limited', 'retry-after'],
    [503, 'about:blank', 'retry-after'],
  ] as const) {
    test(`with ${status} become a problem`, async () => {
      const reply = await api.request('GET', `/v1/fails/${status}`);
      assert.equal(reply.status, status);
      assert.equal(reply.headers.get('content-type'), 'application/problem+json');
      assert.equal(reply.body['type'], type);
      assert.ok(reply.body['title']);
      assert.ok(header === '' || reply.headers.has(header));
      assert.equal(reply.text.includes('in their words'), status < 500 && status !== 422);
    });
  }

  test('tell no secrets where the service has failed', async () => {
    const reply = await api.request('GET', '/v1/third-party');
    assert.equal(reply.status, 500);
    assert.ok(!reply.text.includes('secret'));
    assert.equal((await accessLine())?.['level'], 'error');
  });
});

test('a problem that any resource may have is one of the catalogue', async () => {
  const reply = await api.request('GET', '/v1/taken');
  assert.deepEqual([reply.status, reply.body['type']], [409, '/problems/already-exists']);
});

test('who lacks the role is refused, whatever the scopes', async () => {
  const reply = await api.request('GET', '/v1/admin');
  assert.equal(reply.body['type'], '/problems/insufficient-scope');
  principal.user.role = 'admin';
  assert.equal((await api.request('GET', '/v1/admin')).status, 200);
  principal.user.role = 'user';
});

test('a handler that asks who calls, where nobody has to say so, fails', async () => {
  assert.equal((await api.request('GET', '/v1/confused')).status, 500);
  assert.match(JSON.stringify(lines), /does not ask for a credential/);
});

describe('access', () => {
  const faultsOf = (build: (app: Express) => void): string => {
    const other = express();
    build(other);
    try {
      requireDeclaredAccess(other);
    } catch (error) {
      return (error as Error).message;
    }
    return '';
  };
  const answer: express.RequestHandler = (_req, res) => {
    res.json({});
  };

  test('is declared by each route here', () => {
    assert.equal(
      faultsOf((other) => other.use('/v1', guard.public, ping)),
      '',
    );
    requireDeclaredAccess(app);
    assert.equal(operationsOf(app).length, 11);
  });

  const undeclared: Record<string, (app: Express) => void> = {
    'GET /v1/open': (other) => other.get('/v1/open', answer),
    'POST /v1/late': (other) => other.post('/v1/late', answer, guard.public),
    'GET /v1/beside/{id}': (other) =>
      other.use('/v1/guarded', guard.public).use('/v1/beside', Router().get('/:id', answer)),
    '* /v1/handler': (other) => other.use('/v1/handler', answer),
    '* /v1/application': (other) => other.use('/v1/application', express()),
    'PUT /v1/two': (other) => other.route('/v1/two').get(guard.public, answer).put(answer),
  };
  for (const [name, build] of Object.entries(undeclared)) {
    test(`that is not declared keeps it from starting: ${name}`, () => {
      assert.ok(faultsOf(build).includes(`declare who may call ${name}:`), faultsOf(build));
    });
  }

  test('of what a router holds may be declared where it is mounted', () => {
    const inner = Router().get('/:id', answer);
    assert.equal(
      faultsOf((other) => other.use('/v1/inner', guard.public, inner)),
      '',
    );
    assert.equal(
      faultsOf((other) => other.use(guard.public).use('/v1/inner', inner)),
      '',
    );
  });
});
