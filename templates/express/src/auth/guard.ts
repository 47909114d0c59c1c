/** Who may do what. The order is: method, credential, rate limit, rights; the body comes after that. */
import type { Request, RequestHandler, Response } from 'express';

import { sendEmpty } from '../http/replies.ts';
import { allowedMethods } from '../http/routing.ts';
import type { Logger } from '../observability/log.ts';
import { ProblemError } from '../problems/errors.ts';
import type { Limiter } from '../rate-limiting/limiter.ts';
import type { Credentials, Principal } from './credentials.ts';
import { InsufficientScopeError } from './errors.ts';
import type { Role, Scope } from './roles.ts';

type Params = Record<string, string>;
type PublicHandler = (req: Request<Params>, res: Response) => Promise<void> | void;
type PrincipalHandler = (
  req: Request<Params>,
  res: Response,
  principal: Principal,
) => Promise<void> | void;

/** What an operation asks of its caller; without a scope, it takes tokens only. */
export interface Access {
  readonly scope?: Scope;
  readonly role?: Role;
}

interface GuardDependencies {
  readonly credentials: Credentials;
  readonly limiter: Limiter;
  readonly log: Logger;
}

export type Guard = ReturnType<typeof createGuard>;

export function createGuard({ credentials, limiter, log }: GuardDependencies) {
  /** Who has no good credential is counted by address. */
  async function authenticate(req: Request<Params>, res: Response): Promise<Principal> {
    try {
      return await credentials.authenticate(req.headers);
    } catch (error) {
      if (error instanceof ProblemError && error.status < 500) {
        await limiter.count(req, res);
      }
      throw error;
    }
  }

  function allow(access: Access, handler: PrincipalHandler): RequestHandler<Params> {
    return async (req, res) => {
      const principal = await authenticate(req, res);
      await limiter.count(req, res, principal.user.id);
      if (!isAllowed(access, principal)) {
        log.warn({ event: 'authz_fail' }, 'the credential does not reach this far');
        throw new InsufficientScopeError();
      }
      await handler(req, res, principal);
    };
  }

  return {
    allow,

    /** Credentials are managed by people who have logged in, not by keys. */
    tokenOnly: (handler: PrincipalHandler) => allow({}, handler),

    /** Public operations never look at credentials. */
    anyone(handler: PublicHandler): RequestHandler<Params> {
      return async (req, res) => {
        await limiter.count(req, res);
        await handler(req, res);
      };
    },

    /** The last handler of each route. */
    methodNotAllowed: (async (req, res) => {
      await limiter.count(req, res);
      const { methods } = req.route as { methods: Record<string, boolean> };
      const headers = { Allow: allowedMethods(methods) };
      if (req.method === 'OPTIONS') {
        sendEmpty(res, 204, headers);
        return;
      }
      throw new ProblemError(405, 'The method does not work here.', { headers });
    }) satisfies RequestHandler,
  };
}

function isAllowed({ scope, role }: Access, { scopes, isKey, user }: Principal): boolean {
  const reaches = scope === undefined ? !isKey : scopes.has(scope);
  return reaches && (role === undefined || role === user.role);
}
