import type { Router } from 'express';

import { type Guard, principalOf } from '../auth/guard.ts';
import type { BodyReader } from '../http/body.ts';
import { linkToNext, type PageRequest } from '../http/pagination.ts';
import { readQuery } from '../http/query.ts';
import { sendJson } from '../http/replies.ts';
import { createRouter, pathId } from '../http/routing.ts';
import { requestKey, sendOnce } from '../idempotency/idempotency.http.ts';
import type { Idempotency } from '../idempotency/idempotency.service.ts';
import type { Order } from './order.repository.ts';
import { emptySchema, ORDER_SORTS, orderQuerySchema, orderSchema } from './order.schema.ts';
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
    .get(guard.allow(READ), async (req, res) => {
      const { user } = principalOf(res);
      const { status, sort, limit, cursor } = readQuery(req, orderQuerySchema);
      const filters: PageRequest['filters'] = status === undefined ? {} : { status };
      const page = { path: PATH, sorts: ORDER_SORTS, sort, limit, cursor, filters };
      const { items, nextCursor } = await orders.list(user, status, page);
      const list = { items: items.map(toOrder), next_cursor: nextCursor };
      sendJson(res, 200, list, linkToNext(page, nextCursor));
    })
    .post(guard.allow(WRITE), async (req, res) => {
      const { user } = principalOf(res);
      const { value, bytes } = await body.readWithBytes(req, res, orderSchema);
      const reply = await idempotency.runOnce(requestKey(req, user, bytes), async (trx) => {
        const order = await orders.place(trx, user, value.lines);
        const location = `${PATH}/${order.id}`;
        return { status: 201, location, body: JSON.stringify(toOrder(order)) };
      });
      if (reply.isReplay) {
        orders.replayed();
      } else {
        await orders.placed();
      }
      sendOnce(res, reply);
    })
    .all(guard.methodNotAllowed);

  router
    .route(`${PATH}/:id`)
    .get(guard.allow(READ), async (req, res) => {
      const { user } = principalOf(res);
      sendJson(res, 200, toOrder(await orders.get(user, pathId(req))));
    })
    .all(guard.methodNotAllowed);

  router
    .route(`${PATH}/:id/cancel`)
    .post(guard.allow(WRITE), async (req, res) => {
      const { user } = principalOf(res);
      await body.readOptional(req, res, emptySchema);
      sendJson(res, 200, toOrder(await orders.cancel(user, pathId(req))));
    })
    .all(guard.methodNotAllowed);

  return router;
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
