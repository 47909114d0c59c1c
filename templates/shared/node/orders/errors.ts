import { ProblemError } from '../problems/errors.ts';

export interface Shortage {
  readonly product_id: string;
  readonly requested: number;
  readonly available: number;
}

export class InsufficientStockError extends ProblemError {
  constructor(shortages: readonly Shortage[]) {
    super('insufficient-stock', 'Less is in stock than was ordered.', { members: { shortages } });
  }
}

export class InvalidStateError extends ProblemError {
  constructor() {
    super('invalid-state', 'The order is cancelled already.');
  }
}
