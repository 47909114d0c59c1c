import { ProblemError } from '../problems/errors.ts';

export class IdempotencyInProgressError extends ProblemError {
  constructor() {
    super('idempotency-in-progress', 'The first request with this key is still running.', {
      headers: { 'Retry-After': '1' },
    });
  }
}

export class IdempotencyKeyReusedError extends ProblemError {
  constructor() {
    super('idempotency-key-reused', 'This Idempotency-Key was used for another request.');
  }
}
