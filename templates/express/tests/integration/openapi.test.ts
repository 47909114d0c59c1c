import assert from 'node:assert/strict';
import { after, test } from 'node:test';

import { createApi } from '../support/api.ts';
import { startService } from '../support/service.ts';

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'];
// What the page of the documentation is made of is no part of the API.
const UNDOCUMENTED = ['/docs/x'];

const service = await startService({ RATE_LIMIT_DEFAULT: '1000/60' });
const api = createApi(service);
after(() => service.close());

const document = (await api.request('GET', '/openapi.json')).body as {
  paths: Record<string, Record<string, { security?: object[] }>>;
};

test('each operation of the document exists, and asks for a credential if the document says so', async () => {
  for (const [path, item] of Object.entries(document.paths)) {
    for (const method of METHODS.filter((name) => name.toLowerCase() in item)) {
      const reply = await api.request(method, path.replace('{id}', 'x'));
      const { security = [] } = item[method.toLowerCase()] ?? {};
      const isOpen = security.length === 0;
      assert.ok(reply.status !== 405, `${method} ${path}: ${reply.status}`);
      assert.equal(reply.status !== 401, isOpen, `${method} ${path}: ${reply.status}`);
    }
  }
});

test('each method that a route allows is in the document', async () => {
  for (const [path, item] of Object.entries(document.paths)) {
    const { headers } = await api.request('OPTIONS', path.replace('{id}', 'x'));
    const allowed = headers.get('allow')?.split(', ') ?? [];
    const documented = METHODS.filter((name) => name.toLowerCase() in item);
    assert.deepEqual(
      allowed.filter((name) => METHODS.includes(name)),
      documented.sort(),
      path,
    );
  }
});

test('what is not in the document does not exist', async () => {
  for (const path of ['/', '/v1', '/v1/users', '/v1/me/', '/admin', '/debug', ...UNDOCUMENTED]) {
    assert.equal((await api.request('GET', path)).status, 404, path);
  }
});
