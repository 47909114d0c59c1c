import assert from 'node:assert/strict';
import { after, test } from 'node:test';

import { SCOPES } from '../../src/auth/roles.ts';
import { newId } from '../../src/database/new-id.ts';
import { type Operation, operationsOf } from '../../src/http/routing.ts';
import { createApi } from '../support/api.ts';
import { startService } from '../support/service.ts';

const METHODS = ['GET', 'PUT', 'POST', 'PATCH', 'DELETE'];
// What the page of the documentation is made of is no part of the API.
const UNDOCUMENTED = ['GET /docs/{name}'];

const service = await startService({ RATE_LIMIT_DEFAULT: '1000/60' });
const api = createApi(service);
after(() => service.close());

interface Described {
  readonly security?: Record<string, string[]>[];
  readonly parameters?: { name?: string; schema?: { enum?: string[]; $ref?: string } }[];
  readonly 'x-required-role'?: string;
}

const document = (await api.request('GET', '/openapi.json')).body as unknown as {
  paths: Record<string, Record<string, Described>>;
  components: { schemas: { Scope: { oneOf: { const: string }[] } } };
};
const described = new Map<string, Described>(
  Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item)
      .filter(([method]) => METHODS.includes(method.toUpperCase()))
      .map(([method, operation]): [string, Described] => [
        `${method.toUpperCase()} ${path}`,
        operation,
      ]),
  ),
);
const nameOf = ({ method, template }: Operation) => `${method} ${template}`;
const operations = operationsOf(service.app).filter(
  (operation) => operation.method !== '*' && !UNDOCUMENTED.includes(nameOf(operation)),
);

test('the document describes each operation that there is, and no other', () => {
  assert.deepEqual(operations.map(nameOf).sort(), [...described.keys()].sort());
});

test('each operation asks for the credentials that the document names', () => {
  for (const operation of operations) {
    const { security, 'x-required-role': role } = described.get(nameOf(operation)) ?? {};
    const { access } = operation;
    assert.ok(security, `${nameOf(operation)} is public by name, or not at all`);
    assert.deepEqual(securityOf(operation), security, nameOf(operation));
    assert.equal(typeof access === 'object' ? access.role : undefined, role, nameOf(operation));
  }
});

test('the document knows the scopes that there are, and no other', () => {
  const documented = document.components.schemas.Scope.oneOf.map((scope) => scope.const);
  assert.deepEqual(documented.sort(), [...SCOPES].sort());
});

test('each sort that the document names works, and no other', async () => {
  const admin = await api.admin();
  for (const [name, { parameters = [] }] of described) {
    const sorts = parameters.find((parameter) => parameter.name === 'sort')?.schema?.enum;
    const path = name.replace('GET ', '');
    const columns = new Set(sorts?.map((sort) => sort.replace('-', '')));
    for (const sort of ['id', 'name', 'updated_at', 'nonsense', ...columns].flatMap((column) => [
      column,
      `-${column}`,
    ])) {
      if (sorts) {
        const { status } = await admin.request('GET', `${path}?sort=${sort}`);
        assert.equal(status, sorts.includes(sort) ? 200 : 422, `${name} by ${sort}`);
      }
    }
  }
});

test('each path names the methods that it has, and has no other', async () => {
  for (const path of Object.keys(document.paths)) {
    const there = METHODS.filter((method) => described.has(`${method} ${path}`));
    const names = [...there, ...(there.includes('GET') ? ['HEAD'] : []), 'OPTIONS'];
    const allowed = names.sort().join(', ');
    const url = path.replace(/\{\w+\}/g, newId());
    for (const method of [...METHODS, 'OPTIONS']) {
      if (!there.includes(method)) {
        const { status, headers } = await api.request(method, url);
        assert.equal(status, method === 'OPTIONS' ? 204 : 405, `${method} ${path}`);
        assert.equal(headers.get('allow'), allowed, path);
      }
    }
  }
});

test('what is not in the document does not exist', async () => {
  for (const path of ['/', '/v1', '/v1/users', '/v1/me/', '/admin', '/debug', '/docs/x']) {
    assert.equal((await api.request('GET', path)).status, 404, path);
  }
});

/** What the document has to say of an operation's access. */
function securityOf({ access, template }: Operation): Record<string, string[]>[] {
  if (access === 'public') {
    return [];
  }
  if (access === 'other') {
    return [{ [template === '/metrics' ? 'metricsToken' : '']: [] }];
  }
  const { scope } = access ?? {};
  return scope ? [{ bearer: [scope] }, { apiKey: [scope] }] : [{ bearer: [] }];
}
