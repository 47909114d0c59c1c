import { hash } from 'node:crypto';

import type { Request, Response, Router } from 'express';

import type { Guard } from '../auth/guard.ts';
import type { BodyReader } from '../http/body.ts';
import { expectedVersions, isCurrent, versionTag } from '../http/conditions.ts';
import { linkToNext } from '../http/pagination.ts';
import { readQuery } from '../http/query.ts';
import { JSON_TYPE, sendBody, sendEmpty, sendJson } from '../http/replies.ts';
import { createRouter, pathId } from '../http/routing.ts';
import type { CachedReply, ProductCache } from './product.cache.ts';
import type { Product } from './product.repository.ts';
import {
  PRODUCT_SORTS,
  productPatchSchema,
  productQuerySchema,
  productSchema,
} from './product.schema.ts';
import type { Products } from './product.service.ts';

const PATH = '/v1/products';
const WRITE = { scope: 'products:write', role: 'admin' } as const;

interface ProductDependencies {
  readonly guard: Guard;
  readonly body: BodyReader;
  readonly cache: ProductCache;
  readonly products: Products;
}

export function productRoutes({ guard, body, cache, products }: ProductDependencies): Router {
  const router = createRouter();

  router
    .route(PATH)
    .get(guard.public, async (req, res) => {
      const { sort, limit, cursor, ...filters } = readQuery(req, productQuerySchema);
      const page = { path: PATH, sorts: PRODUCT_SORTS, sort, limit, cursor, filters };
      const name = `list:${JSON.stringify([sort, limit, cursor, filters])}`;
      const reply = await cache.reply(name, async () => {
        const { items, nextCursor } = await products.list(filters, page);
        const list = { items: items.map(toProduct), next_cursor: nextCursor };
        const text = JSON.stringify(list);
        const digest = hash('sha256', text).slice(0, 32);
        return { headers: { ETag: `"${digest}"`, ...linkToNext(page, nextCursor) }, body: text };
      });
      sendCatalogue(req, res, reply);
    })
    .post(guard.allow(WRITE), async (req, res) => {
      const product = await products.create(await body.read(req, res, productSchema));
      sendProduct(res, 201, product, { Location: `${PATH}/${product.id}` });
    })
    .all(guard.methodNotAllowed);

  router
    .route(`${PATH}/:id`)
    .get(guard.public, async (req, res) => {
      const id = pathId(req);
      const reply = await cache.reply(`item:${id}`, async () => {
        const product = await products.get(id);
        const headers = { ETag: versionTag(product.version) };
        return { headers, body: JSON.stringify(toProduct(product)) };
      });
      sendCatalogue(req, res, reply);
    })
    .patch(guard.allow(WRITE), async (req, res) => {
      const changes = await body.read(req, res, productPatchSchema);
      const product = await products.update(pathId(req), changes, expectedVersions(req));
      sendProduct(res, 200, product);
    })
    .delete(guard.allow(WRITE), async (req, res) => {
      await products.delete(pathId(req), expectedVersions(req));
      sendEmpty(res);
    })
    .all(guard.methodNotAllowed);

  return router;
}

/** May be stored by anyone, but must be asked for again each time. */
function sendCatalogue(
  req: Request<Record<string, string>>,
  res: Response,
  reply: CachedReply,
): void {
  const headers = { ...reply.headers, 'Cache-Control': 'public, no-cache' };
  if (isCurrent(req, reply.headers['ETag'] ?? '')) {
    sendEmpty(res, 304, headers);
  } else {
    sendBody(res, 200, reply.body, { ...headers, 'Content-Type': JSON_TYPE });
  }
}

function sendProduct(res: Response, status: number, product: Product, headers = {}): void {
  sendJson(res, status, toProduct(product), { ETag: versionTag(product.version), ...headers });
}

/** What a reply shows. Of objects with `toJSON` JSON.stringify makes text slowly. */
function toProduct(product: Product) {
  const { id, sku, name, price_cents, currency, stock, version } = product;
  const created_at = product.created_at.text;
  const updated_at = product.updated_at.text;
  return { id, sku, name, price_cents, currency, stock, version, created_at, updated_at };
}
