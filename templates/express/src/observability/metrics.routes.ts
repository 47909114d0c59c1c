import type { RequestHandler, Router } from 'express';

import { declareAccess } from '../auth/access.ts';
import { bearerToken } from '../auth/credentials.ts';
import { InvalidTokenError, NoCredentialError } from '../auth/errors.ts';
import type { Guard } from '../auth/guard.ts';
import { isSameSecret } from '../auth/secrets.ts';
import { sendBody } from '../http/replies.ts';
import { createRouter } from '../http/routing.ts';

interface MetricsDependencies {
  readonly guard: Guard;
  readonly token: string;
  /** The metrics as text: of this process, or of all processes of the service. */
  readonly collect: () => Promise<string>;
}

export function metricsRoutes({ guard, token, collect }: MetricsDependencies): Router {
  const router = createRouter();
  router
    .route('/metrics')
    .get(requireToken(token), async (_req, res) => {
      const contentType = 'text/plain; version=0.0.4; charset=utf-8';
      sendBody(res, 200, await collect(), { 'Content-Type': contentType });
    })
    .all(guard.methodNotAllowed);
  return router;
}

function requireToken(expected: string): RequestHandler {
  return declareAccess('other', ((req, _res, next) => {
    const token = bearerToken(req.headers);
    if (expected && token === undefined) {
      throw new NoCredentialError();
    }
    if (expected && !isSameSecret(token ?? '', expected)) {
      throw new InvalidTokenError();
    }
    next();
  }) satisfies RequestHandler);
}
