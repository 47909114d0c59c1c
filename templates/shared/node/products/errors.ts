import { ProblemError } from '../problems/errors.ts';

export class SkuTakenError extends ProblemError {
  constructor() {
    super('sku-taken', 'A product with this SKU exists.');
  }
}

export class ProductInUseError extends ProblemError {
  constructor() {
    super('product-in-use', 'The product stands in an order.');
  }
}
