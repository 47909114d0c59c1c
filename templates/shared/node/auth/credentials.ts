/** From the headers of a request to its principal. */
import type { IncomingHttpHeaders } from 'node:http';

import type { AuthConfig } from '../config/config.ts';
import type { Database } from '../database/database.ts';
import { Timestamp } from '../database/timestamp.ts';
import { currentRequest } from '../observability/context.ts';
import type { Logger } from '../observability/log.ts';
import { MalformedRequestError } from '../problems/errors.ts';
import { findLiveApiKey, touchApiKey } from './api-key.repository.ts';
import { InvalidTokenError, NoCredentialError } from './errors.ts';
import { type Scope, scopesOf } from './roles.ts';
import { hashSecret, idOfApiKey, isSameSecret } from './secrets.ts';
import { findUserOfLiveSession } from './session.repository.ts';
import type { Tokens } from './tokens.ts';
import type { User } from './user.repository.ts';

const LAST_USED_MOVES_AFTER_SECONDS = 60;

/** Who calls, and with which credential: an access token (of a session) or an API key. */
export interface Principal {
  readonly user: User;
  readonly scopes: ReadonlySet<Scope>;
  /** The session's id, or the key's. */
  readonly credentialId: string;
  readonly isKey: boolean;
}

interface CredentialDependencies {
  readonly config: AuthConfig;
  readonly db: Database;
  readonly tokens: Tokens;
  readonly log: Logger;
}

export type Credentials = ReturnType<typeof createCredentials>;

export function createCredentials({ config, db, tokens, log }: CredentialDependencies) {
  async function principalOfToken(text: string): Promise<Principal | undefined> {
    const token = await tokens.read(text);
    if (!token) {
      return undefined;
    }
    const now = Timestamp.now();
    const idleSince = now.plusSeconds(-config.refreshIdleSeconds);
    // A session that has ended ends its tokens at once, whatever they say of their own life.
    const user = await findUserOfLiveSession(db, token, { now, idleSince });
    return user && toPrincipal(user, token.scopes, token.sessionId, false);
  }

  async function principalOfKey(text: string): Promise<Principal | undefined> {
    const id = idOfApiKey(text);
    const now = Timestamp.now();
    const found = id === undefined ? undefined : await findLiveApiKey(db, id, now);
    if (!found || !isSameSecret(found.key.key_hash, hashSecret(text))) {
      return undefined;
    }
    const { key, user } = found;
    const movesAt = key.last_used_at?.plusSeconds(LAST_USED_MOVES_AFTER_SECONDS);
    if (!movesAt || !now.isBefore(movesAt)) {
      await touchApiKey(db, key.id, now);
    }
    return toPrincipal(user, key.scopes.split(' '), key.id, true);
  }

  return {
    /** A key that has the form of one, and no token: nothing but the database can refuse it. */
    holdsOnlyKey(headers: IncomingHttpHeaders): boolean {
      const isKey = idOfApiKey(String(headers['x-api-key'])) !== undefined;
      return isKey && bearerToken(headers) === undefined;
    },

    async authenticate(headers: IncomingHttpHeaders): Promise<Principal> {
      const token = bearerToken(headers);
      const key = headers['x-api-key'];
      if (token !== undefined && key !== undefined) {
        throw new MalformedRequestError('Send one credential, not two.');
      }
      if (token === undefined && key === undefined) {
        throw new NoCredentialError();
      }
      const principal = await (token === undefined
        ? principalOfKey(String(key))
        : principalOfToken(token));
      if (!principal) {
        log.warn({ event: 'authn_token_invalid' }, 'a credential was refused');
        throw new InvalidTokenError();
      }
      const context = currentRequest();
      if (context) {
        context.userId = principal.user.id;
      }
      return principal;
    },
  };
}

/** Empty where the scheme stands alone; undefined where there is none, or another scheme. */
export function bearerToken(headers: IncomingHttpHeaders): string | undefined {
  const match = /^bearer(?: +(.*))?$/is.exec(headers.authorization ?? '');
  return match ? (match[1] ?? '') : undefined;
}

/** The role counts as it is now, not as it was when the credential was made. */
function toPrincipal(
  user: User,
  scopes: readonly string[],
  credentialId: string,
  isKey: boolean,
): Principal {
  const reach = scopesOf(user.role).filter((scope) => scopes.includes(scope));
  return { user, scopes: new Set(reach), credentialId, isKey };
}
