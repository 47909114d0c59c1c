import { ProblemError } from '../problems/errors.ts';

export class NoCredentialError extends ProblemError {
  constructor() {
    super(401, 'This takes a credential, and none was sent.');
  }
}

export class InvalidTokenError extends ProblemError {
  constructor() {
    super('invalid-token', 'The credential is not valid, or not any more.', {
      headers: { 'WWW-Authenticate': 'Bearer realm="api", error="invalid_token"' },
    });
  }
}

export class InsufficientScopeError extends ProblemError {
  constructor() {
    super('insufficient-scope', 'Your credential does not reach this far.', {
      headers: { 'WWW-Authenticate': 'Bearer realm="api", error="insufficient_scope"' },
    });
  }
}

export class EmailTakenError extends ProblemError {
  constructor() {
    super('email-taken', 'An account with this e-mail address exists.');
  }
}

export class InvalidCredentialsError extends ProblemError {
  constructor() {
    super('invalid-credentials', 'E-mail address and password do not belong together.');
  }
}

export class InvalidRefreshTokenError extends ProblemError {
  constructor() {
    super('invalid-refresh-token', 'The refresh token is unknown, spent or expired.');
  }
}
