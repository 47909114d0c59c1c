import { PAGE_PARAMETERS } from '../http/query.ts';
import { choice, integer, list, object, optional, uuid } from '../http/schema.ts';

const SORTS = ['created_at', '-created_at', 'total_cents', '-total_cents'] as const;

const line = object({ product_id: uuid(), quantity: integer(1, 1000) });

export const orderSchema = object({ lines: list(line, { maximum: 50, key: 'product_id' }) });
export const emptySchema = object({});
export const orderQuerySchema = object({
  status: optional(choice(['placed', 'cancelled'])),
  sort: optional(choice(SORTS), '-created_at'),
  ...PAGE_PARAMETERS,
});
