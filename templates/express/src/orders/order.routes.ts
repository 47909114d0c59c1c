import type { Request, Router } from 'express';

import type { Principal } from '../auth/credentials.ts';
import type { Guard } from '../auth/guard.ts';
import type { BodyReader } from '../http/body.ts';
import { linkToNext, type PageRequest } from '../http/pagination.ts';
import { readQuery } from '../http/query.ts';
import { JSON_TYPE, sendBody, sendJson } from '../http/replies.ts';
import { createRouter, pathId } from '../http/routing.ts';
import { hashBody, type Idempotency, parseIdempotencyKey, type RequestKey } from './idempotency.ts';
import type { Order } from './order.repository.ts';
import { emptySchema, orderQuerySchema, orderSchema } from './order.schema.ts';
import type { Orders } from './order.service.ts';

const PATH = '/v1/orders';
const READ = { scope: 'orders:read' } as const;
const WRITE = { scope: 'orders:write' } as const;

interface OrderDependencies {
  readonly guard: Guard;
  readonly body: BodyReader;
  readonly idempotency: Idempotency;
  readonly orders: Orders;
}

export function orderRoutes({ guard, body, idempotency, orders }: OrderDependencies): Router {
  const router = createRouter();

  router
    .route(PATH)
    .get(
      guard.allow(READ, async (req, res, { user }) => {
        const { status, sort, limit, cursor } = readQuery(req, orderQuerySchema);
        const filters: PageRequest['filters'] = status === undefined ? {} : { status };
        const page = { path: PATH, sort, limit, cursor, filters };
        const { items, nextCursor } = await orders.list(user, status, page);
        const list = { items: items.map(toOrder), next_cursor: nextCursor };
        sendJson(res, 200, list, linkToNext(page, nextCursor));
      }),
    )
    .post(
      guard.allow(WRITE, async (req, res, principal) => {
        const { value, bytes } = await body.readWithBytes(req, res, orderSchema);
        const key = requestKey(req, principal, bytes);
        const reply = await idempotency.runOnce(key, async (trx) => {
          const order = await orders.place(trx, principal.user, value.lines);
          const location = `${PATH}/${order.id}`;
          return { status: 201, location, body: JSON.stringify(toOrder(order)) };
        });
        if (!reply.isReplay) {
          await orders.placed();
        }
        sendBody(res, reply.status, reply.body, {
          'Content-Type': JSON_TYPE,
          Location: reply.location,
          ...(reply.isReplay && { 'Idempotency-Replayed': 'true' }),
        });
      }),
    )
    .all(guard.methodNotAllowed);

  router
    .route(`${PATH}/:id`)
    .get(
      guard.allow(READ, async (req, res, { user }) => {
        sendJson(res, 200, toOrder(await orders.get(user, pathId(req))));
      }),
    )
    .all(guard.methodNotAllowed);

  router
    .route(`${PATH}/:id/cancel`)
    .post(
      guard.allow(WRITE, async (req, res, { user }) => {
        await body.readOptional(req, res, emptySchema);
        sendJson(res, 200, toOrder(await orders.cancel(user, pathId(req))));
      }),
    )
    .all(guard.methodNotAllowed);

  return router;
}

function requestKey(
  req: Request<Record<string, string>>,
  { user }: Principal,
  bytes: Buffer,
): RequestKey | undefined {
  const header = req.get('idempotency-key');
  if (header === undefined) {
    return undefined;
  }
  return {
    user_id: user.id,
    method: req.method,
    path: req.path,
    idempotency_key: parseIdempotencyKey(header),
    body_hash: hashBody(bytes),
  };
}

function toOrder(order: Order) {
  const { id, user_id, status, currency, total_cents, created_at, updated_at } = order;
  const lines = order.lines.map(({ product_id, sku, name, quantity, price_cents }) => ({
    product_id,
    sku,
    name,
    quantity,
    price_cents,
  }));
  return { id, user_id, status, currency, total_cents, lines, created_at, updated_at };
}
