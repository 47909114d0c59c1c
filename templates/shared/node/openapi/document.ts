/** The OpenAPI document, joined from the part that each feature keeps in its folder. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { parse } from 'yaml';

const FEATURES = join(import.meta.dirname, '..');
const METHODS = new Set(['get', 'post', 'put', 'patch', 'delete']);

type Tree = Record<string, unknown>;

interface Parameter {
  readonly $ref?: string;
  readonly in?: string;
}

interface Operation {
  readonly security?: readonly Tree[];
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: Tree;
  responses: Tree;
}

interface OpenApi {
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: { readonly parameters: Record<string, Parameter> };
}

/** Fails where two parts say different things of one place. */
export function readDocument(): OpenApi {
  const document: Tree = {};
  for (const path of globSync('*/openapi.yaml', { cwd: FEATURES }).sort()) {
    merge(document, parse(readFileSync(join(FEATURES, path), 'utf8')) as Tree, path);
  }
  const { paths, components } = document as unknown as OpenApi;
  for (const [path, item] of Object.entries(paths)) {
    for (const [method, operation] of Object.entries(item)) {
      if (METHODS.has(method)) {
        const common = commonResponses(path, operation, components.parameters);
        operation.responses = { ...common, ...operation.responses };
      }
    }
  }
  return { ...document, paths, components };
}

function merge(into: Tree, part: Tree, place: string): void {
  for (const [key, value] of Object.entries(part)) {
    const present = into[key];
    if (present === undefined) {
      into[key] = value;
    } else if (Array.isArray(present) && Array.isArray(value)) {
      into[key] = [...(present as unknown[]), ...(value as unknown[])];
    } else if (isTree(present) && isTree(value)) {
      merge(present, value, `${place}/${key}`);
    } else if (present !== value) {
      throw new Error(`${place}/${key}: another part says ${JSON.stringify(present)}`);
    }
  }
}

function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What follows from an operation's path, access and input is not said by each again. */
function commonResponses(
  path: string,
  { security = [], requestBody, parameters = [] }: Operation,
  named: Record<string, Parameter>,
): Tree {
  const names: Record<string, string> = { 500: 'InternalServerError' };
  if (path.startsWith('/v1/')) {
    Object.assign(names, {
      400: 'MalformedRequest',
      429: 'RateLimited',
      503: 'ServiceUnavailable',
    });
    if (security.length > 0) {
      Object.assign(names, { 401: 'Unauthorized', 403: 'Forbidden' });
    }
    if (requestBody) {
      Object.assign(names, { 413: 'ContentTooLarge', 415: 'UnsupportedMediaType' });
    }
    const takesQuery = parameters
      .map(({ $ref, ...inline }) => ($ref ? named[$ref.replace(/.*\//, '')] : inline))
      .some((parameter) => parameter?.in === 'query');
    if (requestBody ?? takesQuery) {
      names[422] = 'ValidationFailed';
    }
    if (path.includes('{')) {
      names[404] = 'NotFound';
    }
  }
  return Object.fromEntries(
    Object.entries(names).map(([status, name]) => [
      status,
      { $ref: `#/components/responses/${name}` },
    ]),
  );
}
