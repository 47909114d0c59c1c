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

export class PreconditionFailedError extends ProblemError {
  constructor() {
    super('precondition-failed', 'The product has changed since it was read.');
  }
}
