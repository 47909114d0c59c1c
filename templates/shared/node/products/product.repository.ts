import { contains, type Database, forUpdate } from '../database/database.ts';
import { nextVersion, type VersionedRow } from '../database/versioned.ts';
import { keysetOf, type Page, pageOf, type PageRequest, toPage } from '../http/pagination.ts';

export interface Product extends VersionedRow {
  sku: string;
  name: string;
  price_cents: number;
  currency: string;
  stock: number;
}

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
  let query = db.selectFrom('products').selectAll();
  if (filters.q !== undefined) {
    query = query.where(contains('name', filters.q));
  }
  if (filters.min_price !== undefined) {
    query = query.where('price_cents', '>=', filters.min_price);
  }
  if (filters.max_price !== undefined) {
    query = query.where('price_cents', '<=', filters.max_price);
  }
  const products = await query.$call(pageOf(keysetOf(page))).execute();
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

export async function updateProduct(
  db: Database,
  product: Product,
  changes: ProductChanges,
): Promise<Product> {
  const changed = nextVersion(product, changes);
  await db.updateTable('products').set(changed).where('id', '=', product.id).execute();
  return { ...product, ...changed };
}

export async function deleteProduct(db: Database, id: string): Promise<void> {
  await db.deleteFrom('products').where('id', '=', id).execute();
}
