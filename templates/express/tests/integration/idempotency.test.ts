/** What is asked twice with one Idempotency-Key is done once. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, beforeEach, describe, test } from 'node:test';

import express, { type RequestHandler } from 'express';

import { Timestamp } from '../../src/database/timestamp.ts';
import { createBodyReader } from '../../src/http/body.ts';
import { object, text } from '../../src/http/schema.ts';
import type { IdempotencyInProgressError } from '../../src/idempotency/errors.ts';
import { requestKey, sendOnce } from '../../src/idempotency/idempotency.http.ts';
import { deleteExpiredKeys } from '../../src/idempotency/idempotency.repository.ts';
import { createIdempotency, type Idempotency } from '../../src/idempotency/idempotency.service.ts';
import { createErrorHandler } from '../../src/problems/error-handler.ts';
import { InUseError } from '../../src/problems/errors.ts';
import type { Limiter } from '../../src/rate-limiting/limiter.ts';
import { createApi, type Reply } from '../support/api.ts';
import { createTestLog } from '../support/log.ts';
import { startService, unique } from '../support/service.ts';

const service = await startService();
const users = createApi(service);
const idempotency: Idempotency = createIdempotency({ db: service.db, ttlSeconds: 60 });
const bodies = createBodyReader(1000);
const schema = object({ text: text() });
const sent: string[] = [];

const app = express();
const handle: RequestHandler<Record<string, string>> = async (req, res) => {
  const { value, bytes } = await bodies.readWithBytes(req, res, schema);
  const key = requestKey(req, { id: req.get('user') ?? '' }, bytes);
  const reply = await idempotency.runOnce(key, () => {
    if (value.text === 'refused') {
      throw new InUseError();
    }
    sent.push(value.text);
    const location = value.text === 'nowhere' ? undefined : `/v1/letters/${sent.length}`;
    return Promise.resolve({ status: 201, location, body: `{"number":${sent.length}}` });
  });
  sendOnce(res, reply);
};
app.use(['/v1', '/v2'], express.Router().post('/letters', handle).put('/letters', handle));
const limiter = { count: () => Promise.resolve() } as unknown as Limiter;
app.use(createErrorHandler(createTestLog().log, limiter));

const server = createServer(app).listen(0, '127.0.0.1');
await once(server, 'listening');
after(async () => {
  server.close();
  await service.close();
});
const api = createApi({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
let user = (await users.user()).id;

interface Letter {
  readonly method?: string;
  readonly key?: string;
  readonly text?: string;
  readonly from?: string;
  readonly path?: string;
}

function send({ method = 'POST', key = 'a', text = 'hello', ...letter }: Letter = {}) {
  const { from = user, path = '/v1/letters' } = letter;
  const headers = { User: from, 'Idempotency-Key': key };
  return api.request(method, path, { body: { text }, headers });
}

function isReplay(reply: Reply): boolean {
  return reply.headers.get('idempotency-replayed') === 'true';
}

beforeEach(async () => {
  sent.length = 0;
  user = (await users.user()).id;
});

describe('a repetition', () => {
  test('gets the first reply', async () => {
    const [first, again] = [await send(), await send({ key: '"a"' })];
    assert.deepEqual([again.status, again.text], [201, first.text]);
    assert.equal(again.headers.get('location'), first.headers.get('location'));
    assert.equal(again.headers.get('content-type'), 'application/json');
    assert.deepEqual([isReplay(first), isReplay(again)], [false, true]);
    assert.deepEqual(sent, ['hello']);
  });

  test('of a reply without a Location has none', async () => {
    for (const isRepeated of [false, true]) {
      const reply = await send({ text: 'nowhere' });
      assert.deepEqual([reply.headers.get('location'), isReplay(reply)], [null, isRepeated]);
    }
  });

  test('that runs beside it waits for the first', async () => {
    const replies = await Promise.all(Array.from({ length: 5 }, () => send()));
    assert.deepEqual(new Set(replies.map((reply) => reply.text)), new Set(['{"number":1}']));
    assert.equal(replies.filter(isReplay).length, 4);
    assert.deepEqual(sent, ['hello']);
  });

  test('does not wait without end', async (t) => {
    const hasty = await startService({ DB_STATEMENT_TIMEOUT_MS: '200' });
    t.after(() => hasty.close());
    const key = {
      user_id: (await createApi(hasty).user()).id,
      method: 'POST',
      path: '/v1/letters',
      idempotency_key: 'a',
      body_hash: 'x',
    };
    const first = createIdempotency({ db: hasty.db, ttlSeconds: 60 });
    const reply = { status: 201, body: '{}' };
    await first.runOnce(key, async () => {
      await assert.rejects(
        first.runOnce(key, () => Promise.resolve(reply)),
        ({ problem, headers }: IdempotencyInProgressError) =>
          problem === 'idempotency-in-progress' && headers['Retry-After'] === '1',
      );
      return reply;
    });
  });

  test('of what fails fails', async () => {
    const letters = Array.from({ length: 5 }, () => send({ text: 'refused' }));
    const types = new Set((await Promise.all(letters)).map(({ body }) => body['type']));
    assert.deepEqual(types, new Set(['/problems/in-use']));
    assert.equal((await send()).status, 201);
  });
});

test('without a key each request counts', async () => {
  for (const count of [1, 2]) {
    await api.request('POST', '/v1/letters', { body: { text: 'hello' }, headers: { User: user } });
    assert.equal(sent.length, count);
  }
  assert.deepEqual(sent, ['hello', 'hello']);
});

describe('a key', () => {
  test('is good for the same bytes only', async () => {
    await send();
    assert.equal((await send({ text: 'other' })).body['type'], '/problems/idempotency-key-reused');
    assert.deepEqual(sent, ['hello']);
  });

  test('belongs to one user, one method and one path', async () => {
    await send();
    assert.ok(!isReplay(await send({ method: 'PUT' })));
    assert.ok(!isReplay(await send({ from: (await users.user()).id })));
    assert.ok(!isReplay(await send({ path: '/v2/letters' })));
  });

  for (const key of [
    '',
    '""',
    'a b',
    '"',
    'a"',
    'a"b',
    'a"b"',
    '"a" "b"',
    'a\\b',
    'é',
    'x'.repeat(129),
  ]) {
    test(`is not ${JSON.stringify(key)}`, async () => {
      assert.equal((await send({ key })).body['type'], '/problems/malformed-request');
    });
  }

  test('may be long and odd', async () => {
    for (const key of ['!'.repeat(128), `"${'~'.repeat(128)}"`, '#[]']) {
      assert.equal((await send({ key })).status, 201, key);
    }
  });

  test('is free again in time', async () => {
    const key = unique();
    await send({ key });
    const kept = () => service.db.selectFrom('idempotency_keys').where('idempotency_key', '=', key);
    await service.db
      .updateTable('idempotency_keys')
      .set({ expires_at: Timestamp.now().plusSeconds(-1) })
      .where('idempotency_key', '=', key)
      .execute();
    assert.ok(!isReplay(await send({ key })));
    assert.ok(isReplay(await send({ key })));
    await deleteExpiredKeys(service.db, Timestamp.now());
    assert.equal((await kept().select('id').execute()).length, 1);
    await deleteExpiredKeys(service.db, Timestamp.now().plusSeconds(61));
    assert.deepEqual(await kept().select('id').execute(), []);
  });
});
