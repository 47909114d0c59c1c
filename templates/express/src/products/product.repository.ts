import { contains, type Database, forUpdate } from '../database/database.ts';
import type { ProductRow } from '../database/tables.ts';
import { isBeyond, keysetOf, type Page, type PageRequest, toPage } from '../http/pagination.ts';

export type Product = ProductRow;
export type ProductChanges = Partial<Pick<Product, 'name' | 'price_cents' | 'stock'>>;

export interface ProductFilters {
  readonly q?: string;
  readonly min_price?: number;
  readonly max_price?: number;
}

export async function listProducts(
  db: Database,
  filters: ProductFilters,
  page: PageRequest,
): Promise<Page<Product>> {
  const keyset = keysetOf(page);
  let query = db.selectFrom('products').selectAll().where(isBeyond(keyset));
  if (filters.q !== undefined) {
    query = query.where(contains('name', filters.q));
  }
  if (filters.min_price !== undefined) {
    query = query.where('price_cents', '>=', filters.min_price);
  }
  if (filters.max_price !== undefined) {
    query = query.where('price_cents', '<=', filters.max_price);
  }
  const products = await query
    .orderBy(keyset.column as 'created_at' | 'price_cents', keyset.direction)
    .orderBy('id', keyset.direction)
    .limit(keyset.limit)
    .execute();
  return toPage(page, products);
}

export function findProduct(db: Database, id: string): Promise<Product | undefined> {
  return db.selectFrom('products').selectAll().where('id', '=', id).executeTakeFirst();
}

/** In the order of their ids: two who lock the same products never wait for each other. */
export function lockProducts(db: Database, ids: readonly string[]): Promise<Product[]> {
  return db
    .selectFrom('products')
    .selectAll()
    .where('id', 'in', ids)
    .orderBy('id')
    .$call(forUpdate)
    .execute();
}

export async function insertProduct(db: Database, product: Product): Promise<void> {
  await db.insertInto('products').values(product).execute();
}

/** Every change raises the version, which is the product's ETag. */
export async function updateProduct(
  db: Database,
  product: Product,
  changes: ProductChanges,
): Promise<Product> {
  const changed = { ...changes, version: product.version + 1, updated_at: new Date() };
  await db.updateTable('products').set(changed).where('id', '=', product.id).execute();
  return { ...product, ...changed };
}

export async function deleteProduct(db: Database, id: string): Promise<void> {
  await db.deleteFrom('products').where('id', '=', id).execute();
}
