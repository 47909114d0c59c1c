import { type Database, isForeignKeyViolation, isUniqueViolation } from '../database/database.ts';
import {
  checkVersion,
  differences,
  type ExpectedVersions,
  firstVersion,
} from '../database/versioned.ts';
import type { Page, PageRequest } from '../http/pagination.ts';
import { NotFoundError } from '../problems/errors.ts';
import { ProductInUseError, SkuTakenError } from './errors.ts';
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

interface ProductDependencies {
  readonly db: Database;
  readonly cache: ProductCache;
}

export type Products = ReturnType<typeof createProducts>;

export function createProducts({ db, cache }: ProductDependencies) {
  async function lock(trx: Database, id: string, expected: ExpectedVersions): Promise<Product> {
    const [product] = await lockProducts(trx, [id]);
    return checkVersion(product, expected);
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
      const product = { ...creation, ...firstVersion() };
      try {
        await insertProduct(db, product);
      } catch (error) {
        throw isUniqueViolation(error, 'products_sku_key') ? new SkuTakenError() : error;
      }
      await cache.invalidate();
      return product;
    },

    async update(id: string, wanted: ProductChanges, expected: ExpectedVersions): Promise<Product> {
      const product = await db.transaction().execute(async (trx) => {
        const locked = await lock(trx, id, expected);
        const changes = differences(locked, wanted);
        return changes ? updateProduct(trx, locked, changes) : locked;
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
        const isInUse = isForeignKeyViolation(error, 'order_lines_product_id_fkey');
        throw isInUse ? new ProductInUseError() : error;
      }
      await cache.invalidate();
    },
  };
}
