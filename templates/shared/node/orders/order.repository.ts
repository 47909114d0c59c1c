import { type Database, forUpdate } from '../database/database.ts';
import type { Timestamp } from '../database/timestamp.ts';
import { keysetOf, type Page, pageOf, type PageRequest, toPage } from '../http/pagination.ts';

export interface OrderRow {
  id: string;
  user_id: string;
  status: 'placed' | 'cancelled';
  currency: string;
  total_cents: number;
  created_at: Timestamp;
  updated_at: Timestamp;
}

export interface OrderLineRow {
  id: string;
  order_id: string;
  position: number;
  product_id: string;
  sku: string;
  name: string;
  quantity: number;
  price_cents: number;
}

export interface Order extends OrderRow {
  readonly lines: readonly OrderLineRow[];
}

export interface OrderFilters {
  /** Whose; undefined for everybody's. */
  readonly userId: string | undefined;
  readonly status: OrderRow['status'] | undefined;
}

/** Two queries, however many orders and lines there are. */
export async function listOrders(
  db: Database,
  { userId, status }: OrderFilters,
  page: PageRequest,
): Promise<Page<Order>> {
  let query = db.selectFrom('orders').selectAll();
  if (userId !== undefined) {
    query = query.where('user_id', '=', userId);
  }
  if (status !== undefined) {
    query = query.where('status', '=', status);
  }
  const orders = await query.$call(pageOf(keysetOf(page))).execute();
  const { items, nextCursor } = toPage(page, orders);
  return { items: await withLines(db, items), nextCursor };
}

export async function findOrder(
  db: Database,
  id: string,
  userId: string | undefined,
): Promise<Order | undefined> {
  const order = await ordersOf(db, userId).where('id', '=', id).executeTakeFirst();
  const [found] = await withLines(db, order ? [order] : []);
  return found;
}

export async function lockOrder(
  db: Database,
  id: string,
  userId: string | undefined,
): Promise<Order | undefined> {
  const query = ordersOf(db, userId).where('id', '=', id);
  const order = await query.$call(forUpdate).executeTakeFirst();
  const [found] = await withLines(db, order ? [order] : []);
  return found;
}

export async function insertOrder(db: Database, { lines, ...order }: Order): Promise<void> {
  await db.insertInto('orders').values(order).execute();
  await db.insertInto('order_lines').values(lines).execute();
}

export async function updateOrder(
  db: Database,
  id: string,
  changes: Pick<OrderRow, 'status' | 'updated_at'>,
): Promise<void> {
  await db.updateTable('orders').set(changes).where('id', '=', id).execute();
}

function ordersOf(db: Database, userId: string | undefined) {
  const query = db.selectFrom('orders').selectAll();
  return userId === undefined ? query : query.where('user_id', '=', userId);
}

async function withLines(db: Database, orders: readonly OrderRow[]): Promise<Order[]> {
  if (orders.length === 0) {
    return [];
  }
  const ids = orders.map(({ id }) => id);
  const lines = await db
    .selectFrom('order_lines')
    .selectAll()
    .where('order_id', 'in', ids)
    .orderBy('position')
    .execute();
  const byOrder = Map.groupBy(lines, (line) => line.order_id);
  return orders.map((order) => ({ ...order, lines: byOrder.get(order.id) ?? [] }));
}
