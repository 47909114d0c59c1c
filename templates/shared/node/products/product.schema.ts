import { PAGE_PARAMETERS, sortParameter } from '../http/query.ts';
import { integer, object, optional, queryInteger, text } from '../http/schema.ts';

const MAX_PRICE = 99_999_999_999;
const MAX_STOCK = 1_000_000_000;
export const PRODUCT_SORTS = { created_at: 'timestamp', price_cents: 'bigint' } as const;

const name = text({ maximum: 200 });
const priceCents = integer(0, MAX_PRICE);
const stock = integer(0, MAX_STOCK);

export const productSchema = object({
  sku: text({ minimum: 0, pattern: /^[A-Z0-9][A-Z0-9-]{0,31}$/ }),
  name,
  price_cents: priceCents,
  currency: text({ minimum: 0, pattern: /^[A-Z]{3}$/ }),
  stock,
});

export const productPatchSchema = object({
  name: optional(name),
  price_cents: optional(priceCents),
  stock: optional(stock),
});

export const productQuerySchema = object(
  {
    q: optional(text({ maximum: 100 })),
    min_price: optional(queryInteger(0, MAX_PRICE)),
    max_price: optional(queryInteger(0, MAX_PRICE)),
    sort: sortParameter(PRODUCT_SORTS, '-created_at'),
    ...PAGE_PARAMETERS,
  },
  ({ min_price: lowest = 0, max_price: highest = MAX_PRICE }) =>
    highest < lowest ? { max_price: 'too_small' } : {},
);
