import { PAGE_PARAMETERS, sortParameter } from '../http/query.ts';
import { choice, integer, list, object, optional, uuid } from '../http/schema.ts';

export const ORDER_SORTS = { created_at: 'timestamp', total_cents: 'bigint' } as const;

const line = object({ product_id: uuid(), quantity: integer(1, 1000) });

export const orderSchema = object({ lines: list(line, { maximum: 50, key: 'product_id' }) });
export const emptySchema = object({});
export const orderQuerySchema = object({
  status: optional(choice(['placed', 'cancelled'])),
  sort: sortParameter(ORDER_SORTS, '-created_at'),
  ...PAGE_PARAMETERS,
});
