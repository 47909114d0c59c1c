/**
 * Who may do what, as middleware: each route begins with one of these, or its router does. The order is:
 * method, credential, rate limit, rights; the body comes after that.
 */
import type { Request, RequestHandler, Response } from 'express';

import { sendEmpty } from '../http/replies.ts';
import { allowedMethods } from '../http/routing.ts';
import type { Logger } from '../observability/log.ts';
import { ProblemError } from '../problems/errors.ts';
import type { Limiter } from '../rate-limiting/limiter.ts';
import { declareAccess, type Requirement } from './access.ts';
import type { Credentials, Principal } from './credentials.ts';
import { InsufficientScopeError } from './errors.ts';

interface GuardDependencies {
  readonly credentials: Credentials;
  readonly limiter: Limiter;
  readonly log: Logger;
}

export type Guard = ReturnType<typeof createGuard>;

export function createGuard({ credentials, limiter, log }: GuardDependencies) {
  /** Requests without a valid credential are counted by address. */
  async function authenticate(req: Request, res: Response): Promise<Principal> {
    // Whether an API key exists only the database knows, so that guesses are counted before it is asked.
    const isGuess = credentials.holdsOnlyKey(req.headers);
    if (isGuess) {
      await limiter.count(req, res);
    }
    const principal = await credentials.authenticate(req.headers);
    if (isGuess) {
      await limiter.takeBack(req, res);
    }
    return principal;
  }

  function allow(requirement: Requirement): RequestHandler {
    return declareAccess(requirement, async (req: Request, res: Response, next: () => void) => {
      const principal = await authenticate(req, res);
      await limiter.count(req, res, principal.user.id);
      if (!isAllowed(requirement, principal)) {
        log.warn({ event: 'authz_fail' }, 'the credential does not reach this far');
        throw new InsufficientScopeError();
      }
      res.locals['principal'] = principal;
      next();
    });
  }

  return {
    allow,

    /** Credentials are managed by people who have logged in, not by keys. */
    tokenOnly: allow({}),

    /** Public operations never look at credentials. */
    public: declareAccess('public', (async (req, res, next) => {
      await limiter.count(req, res);
      next();
    }) satisfies RequestHandler),

    /** The last handler of each route. */
    methodNotAllowed: declareAccess('public', (async (req, res) => {
      await limiter.count(req, res);
      const { methods } = req.route as { methods: Record<string, boolean> };
      const headers = { Allow: allowedMethods(methods) };
      if (req.method === 'OPTIONS') {
        sendEmpty(res, 204, headers);
        return;
      }
      throw new ProblemError(405, 'The method does not work here.', { headers });
    }) satisfies RequestHandler),
  };
}

/** Who calls, behind `allow` and `tokenOnly`. */
export function principalOf(res: Response): Principal {
  const principal = res.locals['principal'] as Principal | undefined;
  if (!principal) {
    throw new Error('the route does not ask for a credential');
  }
  return principal;
}

function isAllowed({ scope, role }: Requirement, { scopes, isKey, user }: Principal): boolean {
  const reaches = scope === undefined ? !isKey : scopes.has(scope);
  return reaches && (role === undefined || role === user.role);
}
