import { type Database, isForeignKeyViolation, isUniqueViolation } from '../database/database.ts';
import { newId } from '../database/new-id.ts';
import type { Page, PageRequest } from '../http/pagination.ts';
import { NotFoundError } from '../problems/errors.ts';
import { PreconditionFailedError, ProductInUseError, SkuTakenError } from './errors.ts';
import type { ProductCache } from './product.cache.ts';
import {
  deleteProduct,
  findProduct,
  insertProduct,
  listProducts,
  lockProducts,
  type Product,
  type ProductChanges,
  type ProductFilters,
  updateProduct,
} from './product.repository.ts';

export type ProductCreation = Pick<Product, 'sku' | 'name' | 'price_cents' | 'currency' | 'stock'>;

/** The versions that a caller takes for current; undefined where any will do. */
type ExpectedVersions = ReadonlySet<number> | undefined;

interface ProductDependencies {
  readonly db: Database;
  readonly cache: ProductCache;
}

export type Products = ReturnType<typeof createProducts>;

export function createProducts({ db, cache }: ProductDependencies) {
  async function lock(trx: Database, id: string, expected: ExpectedVersions): Promise<Product> {
    const [product] = await lockProducts(trx, [id]);
    if (!product) {
      throw new NotFoundError();
    }
    if (expected && !expected.has(product.version)) {
      throw new PreconditionFailedError();
    }
    return product;
  }

  return {
    list(filters: ProductFilters, page: PageRequest): Promise<Page<Product>> {
      return listProducts(db, filters, page);
    },

    async get(id: string): Promise<Product> {
      const product = await findProduct(db, id);
      if (!product) {
        throw new NotFoundError();
      }
      return product;
    },

    async create(creation: ProductCreation): Promise<Product> {
      const now = new Date();
      const product = { ...creation, id: newId(), version: 1, created_at: now, updated_at: now };
      try {
        await insertProduct(db, product);
      } catch (error) {
        throw isUniqueViolation(error) ? new SkuTakenError() : error;
      }
      await cache.invalidate();
      return product;
    },

    async update(id: string, wanted: ProductChanges, expected: ExpectedVersions): Promise<Product> {
      const product = await db.transaction().execute(async (trx) => {
        const locked = await lock(trx, id, expected);
        const entries = Object.entries(wanted) as [keyof ProductChanges, string | number][];
        const changes = entries.filter(([name, value]) => locked[name] !== value);
        return changes.length > 0
          ? updateProduct(trx, locked, Object.fromEntries(changes))
          : locked;
      });
      await cache.invalidate();
      return product;
    },

    async delete(id: string, expected: ExpectedVersions): Promise<void> {
      try {
        await db.transaction().execute(async (trx) => {
          await lock(trx, id, expected);
          await deleteProduct(trx, id);
        });
      } catch (error) {
        throw isForeignKeyViolation(error) ? new ProductInUseError() : error;
      }
      await cache.invalidate();
    },
  };
}
