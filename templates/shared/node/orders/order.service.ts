/** Orders: stock is never oversold and never lost. */
import type { User } from '../auth/user.repository.ts';
import type { Database } from '../database/database.ts';
import { newId } from '../database/new-id.ts';
import { Timestamp } from '../database/timestamp.ts';
import type { Page, PageRequest } from '../http/pagination.ts';
import type { Metrics } from '../observability/metrics.ts';
import { type Fault, NotFoundError, ValidationFailedError } from '../problems/errors.ts';
import type { ProductCache } from '../products/product.cache.ts';
import { lockProducts, type Product, updateProduct } from '../products/product.repository.ts';
import { InsufficientStockError, InvalidStateError } from './errors.ts';
import {
  findOrder,
  insertOrder,
  listOrders,
  lockOrder,
  type Order,
  type OrderFilters,
  updateOrder,
} from './order.repository.ts';

export interface WantedLine {
  readonly product_id: string;
  readonly quantity: number;
}

interface OrderDependencies {
  readonly db: Database;
  readonly cache: ProductCache;
  readonly metrics: Metrics;
}

export type Orders = ReturnType<typeof createOrders>;

export function createOrders({ db, cache, metrics }: OrderDependencies) {
  return {
    list(user: User, status: OrderFilters['status'], page: PageRequest): Promise<Page<Order>> {
      return listOrders(db, { userId: ownerFilter(user), status }, page);
    },

    async get(user: User, id: string): Promise<Order> {
      const order = await findOrder(db, id, ownerFilter(user));
      if (!order) {
        throw new NotFoundError();
      }
      return order;
    },

    /** Inside of the caller's transaction, who calls `placed` after its commit. */
    async place(trx: Database, user: User, lines: readonly WantedLine[]): Promise<Order> {
      const locked = await lockProducts(
        trx,
        lines.map((line) => line.product_id),
      );
      const wanted = findWanted(lines, new Map(locked.map((product) => [product.id, product])));
      checkStock(wanted);
      for (const { product, quantity } of wanted) {
        await updateProduct(trx, product, { stock: product.stock - quantity });
      }
      const order = newOrder(user, wanted);
      await insertOrder(trx, order);
      return order;
    },

    replayed(): void {
      metrics.ordersTotal.inc({ outcome: 'replayed' });
    },

    async placed(): Promise<void> {
      metrics.ordersTotal.inc({ outcome: 'placed' });
      await cache.invalidate();
    },

    async cancel(user: User, id: string): Promise<Order> {
      const cancelled = await db.transaction().execute(async (trx) => {
        const order = await lockOrder(trx, id, ownerFilter(user));
        if (!order) {
          throw new NotFoundError();
        }
        if (order.status !== 'placed') {
          throw new InvalidStateError();
        }
        const changes = { status: 'cancelled', updated_at: Timestamp.now() } as const;
        await updateOrder(trx, order.id, changes);
        const quantities = new Map(order.lines.map((line) => [line.product_id, line.quantity]));
        for (const product of await lockProducts(trx, [...quantities.keys()])) {
          const stock = product.stock + (quantities.get(product.id) ?? 0);
          await updateProduct(trx, product, { stock });
        }
        return { ...order, ...changes };
      });
      metrics.ordersTotal.inc({ outcome: 'cancelled' });
      await cache.invalidate();
      return cancelled;
    },
  };

  function checkStock(wanted: readonly Wanted[]): void {
    const shortages = wanted
      .filter(({ product, quantity }) => product.stock < quantity)
      .map(({ product, quantity }) => ({
        product_id: product.id,
        requested: quantity,
        available: product.stock,
      }));
    if (shortages.length > 0) {
      metrics.ordersTotal.inc({ outcome: 'insufficient_stock' });
      throw new InsufficientStockError(shortages);
    }
  }
}

interface Wanted {
  readonly product: Product;
  readonly quantity: number;
}

/** One's own orders; an administrator sees everybody's. The rest does not exist. */
function ownerFilter(user: User): string | undefined {
  return user.role === 'admin' ? undefined : user.id;
}

function findWanted(
  lines: readonly WantedLine[],
  products: ReadonlyMap<string, Product>,
): Wanted[] {
  const wanted: Wanted[] = [];
  const faults: Fault[] = [];
  for (const [index, { product_id, quantity }] of lines.entries()) {
    const place = `#/lines/${index}/product_id`;
    const product = products.get(product_id);
    if (!product) {
      faults.push({ place, code: 'not_found' });
    } else if (product.currency !== (wanted[0]?.product ?? product).currency) {
      faults.push({ place, code: 'currency_mismatch' });
    } else {
      wanted.push({ product, quantity });
    }
  }
  if (faults.length > 0) {
    throw new ValidationFailedError(faults);
  }
  return wanted;
}

function newOrder(user: User, wanted: readonly Wanted[]): Order {
  const id = newId();
  const now = Timestamp.now();
  return {
    id,
    user_id: user.id,
    status: 'placed',
    currency: wanted[0]?.product.currency ?? '',
    total_cents: wanted.reduce((sum, line) => sum + line.product.price_cents * line.quantity, 0),
    // From here on the lines say what was bought, at which price.
    lines: wanted.map(({ product, quantity }, position) => ({
      id: newId(),
      order_id: id,
      position,
      product_id: product.id,
      sku: product.sku,
      name: product.name,
      quantity,
      price_cents: product.price_cents,
    })),
    created_at: now,
    updated_at: now,
  };
}
