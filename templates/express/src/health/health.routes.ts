import type { Router } from 'express';

import { sendJson } from '../http/replies.ts';
import { createRouter } from '../http/routing.ts';
import type { Guard } from '../auth/guard.ts';
import { UnavailableError } from '../problems/errors.ts';
import type { Health } from './health.service.ts';
import type { Lifecycle } from './lifecycle.ts';

interface HealthDependencies {
  readonly guard: Guard;
  readonly health: Health;
  readonly lifecycle: Lifecycle;
}

export function healthRoutes({ guard, health, lifecycle }: HealthDependencies): Router {
  const router = createRouter();

  router
    .route('/livez')
    .get(guard.public, (_req, res) => {
      sendJson(res, 200, { status: 'ok' });
    })
    .all(guard.methodNotAllowed);

  router
    .route('/readyz')
    .get(guard.public, async (_req, res) => {
      // Without Redis the service still serves, only without what Redis is for.
      const checks = await health.check();
      if (lifecycle.isDraining || checks['database'] === 'fail') {
        throw new UnavailableError({ members: { checks } });
      }
      sendJson(res, 200, { status: 'ok', checks });
    })
    .all(guard.methodNotAllowed);

  return router;
}
