import { type Request, Router } from 'express';

import { NotFoundError } from '../problems/errors.ts';
import { UUID } from './schema.ts';

/** Exact paths: declared in full, because mounting would make routers lenient. */
export function createRouter(): Router {
  return Router({ caseSensitive: true, strict: true });
}

/** The route of a request as the contract writes it: `/v1/products/{id}`. */
export function routeTemplate(path: string): string {
  return path.replace(/:(\w+)/g, '{$1}');
}

/** The methods of a route, as `Allow` lists them. */
export function allowedMethods(methods: Readonly<Record<string, boolean>>): string {
  const names = Object.keys(methods).filter((name) => name !== '_all');
  return [...names, ...(names.includes('get') ? ['head'] : []), 'options']
    .map((name) => name.toUpperCase())
    .sort()
    .join(', ');
}

/** An id in a path. One that cannot be is treated as one that is not. */
export function pathId(req: Request<Record<string, string>>): string {
  const { id = '' } = req.params;
  if (!UUID.test(id)) {
    throw new NotFoundError();
  }
  return id;
}
