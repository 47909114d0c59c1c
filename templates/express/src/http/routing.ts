import { type Express, type Request, Router } from 'express';

import { type Access, accessOf } from '../auth/access.ts';
import { NotFoundError } from '../problems/errors.ts';
import { isUuid } from './schema.ts';

/** What Express keeps of `use`, `route` and `get`: a layer each, with the path it was given. */
interface Layer {
  readonly name: string;
  readonly rawPath: Path | readonly Path[];
  readonly handle: Handler & { readonly stack?: readonly Layer[] };
  readonly route?: { readonly stack: readonly { method?: string; handle: Handler }[] };
}
type Path = string | RegExp;
type Handler = (...args: never[]) => unknown;

/** One method of one route; `*` stands for all that are not named. */
export interface Operation {
  readonly method: string;
  /** As the contract writes it: `/v1/products/{id}`. */
  readonly template: string;
  readonly access: Access | undefined;
  readonly route: object | undefined;
}

/** Routers of features declare their paths in full and exactly. */
export function createRouter(): Router {
  return Router({ caseSensitive: true, strict: true });
}

/** All operations of an application, those of mounted routers too. */
export function operationsOf(app: Express): Operation[] {
  return operationsIn((app.router as unknown as { stack: readonly Layer[] }).stack, '', undefined);
}

/** Nothing is public by omission: a route that declares no access keeps the service from starting. */
export function requireDeclaredAccess(app: Express): void {
  const undeclared = operationsOf(app).filter(({ access }) => access === undefined);
  if (undeclared.length > 0) {
    const names = undeclared.map(({ method, template }) => `${method} ${template}`);
    throw new Error(
      `declare who may call ${names.join(', ')}: the first handler must be guard.public, ` +
        'guard.tokenOnly, guard.allow(…) or a handler marked by declareAccess',
    );
  }
}

const templates = new WeakMap<object, Map<object, string[]>>();

/** The template of the route that a request has reached, with what its router is mounted under. */
export function routeTemplate(req: Request): string {
  const route = req.route as object | undefined;
  if (route === undefined) {
    return '';
  }
  let known = templates.get(req.app);
  if (!known) {
    known = new Map();
    for (const operation of operationsOf(req.app as Express)) {
      if (operation.route) {
        known.set(operation.route, [...(known.get(operation.route) ?? []), operation.template]);
      }
    }
    templates.set(req.app, known);
  }
  const [template = '', ...others] = new Set(known.get(route));
  return others.find((other) => fits(other, req.originalUrl)) ?? template;
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
export function pathId(req: Request<Record<string, unknown>>): string {
  const { id } = req.params;
  if (!isUuid(id)) {
    throw new NotFoundError();
  }
  return id;
}

function operationsIn(
  layers: readonly Layer[],
  mount: string,
  inherited: Access | undefined,
): Operation[] {
  const rules: { path: string; access: Access }[] = [];
  return layers.flatMap((layer) =>
    [layer.rawPath].flat().flatMap((rawPath): Operation[] => {
      const path = rawPath === '/' ? '' : String(rawPath);
      const template = toTemplate(mount + path) || '/';
      const rule = rules.findLast(
        (found) => path === found.path || path.startsWith(`${found.path}/`),
      );
      const covering = rule?.access ?? inherited;
      const { handle, route } = layer;
      if (route) {
        const methods = new Set(route.stack.map(({ method }) => method));
        return [...methods].map((method) => {
          const first = route.stack.find((entry) => entry.method === method || !entry.method);
          const access = first && accessOf(first.handle);
          const name = method?.toUpperCase() ?? '*';
          return { method: name, template, access: access ?? covering, route };
        });
      }
      if (handle.stack) {
        return operationsIn(handle.stack, mount + path, covering);
      }
      const access = accessOf(handle);
      if (access) {
        rules.push({ path, access });
      } else if (handle.length < 3 || layer.name === 'mounted_app') {
        // It never calls `next`, or it is an application with routes that cannot be seen.
        return [{ method: '*', template, access: covering, route: undefined }];
      }
      return [];
    }),
  );
}

function toTemplate(path: string): string {
  return path.replace(/[:*](\w+)/g, '{$1}');
}

function fits(template: string, url: string): boolean {
  const segments = url.replace(/[?#].*$/, '').split('/');
  const names = template.split('/');
  return (
    names.length === segments.length &&
    names.every((name, index) => name.includes('{') || name === segments[index])
  );
}
