/** API keys. Those of others do not exist for the caller. */
import type { Database } from '../database/database.ts';
import { newId } from '../database/new-id.ts';
import { Timestamp } from '../database/timestamp.ts';
import type { Page, PageRequest } from '../http/pagination.ts';
import type { Logger } from '../observability/log.ts';
import { NotFoundError } from '../problems/errors.ts';
import {
  type ApiKey,
  deleteApiKey,
  findApiKey,
  insertApiKey,
  listApiKeys,
} from './api-key.repository.ts';
import type { Principal } from './credentials.ts';
import { InsufficientScopeError } from './errors.ts';
import type { Scope } from './roles.ts';
import { hashSecret, newApiKey } from './secrets.ts';

export interface ApiKeyCreation {
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly expires_at: Timestamp | null;
}

export type ApiKeys = ReturnType<typeof createApiKeys>;

export function createApiKeys({ db, log }: { readonly db: Database; readonly log: Logger }) {
  return {
    /** The key itself is returned beside its record, and can never be had again. */
    async create(
      principal: Principal,
      creation: ApiKeyCreation,
    ): Promise<{ record: ApiKey; key: string }> {
      if (!creation.scopes.every((scope) => principal.scopes.has(scope))) {
        log.warn({ event: 'authz_fail' }, 'a key with more scopes than its maker was asked for');
        throw new InsufficientScopeError();
      }
      const id = newId();
      const key = newApiKey(id);
      const record: ApiKey = {
        id,
        user_id: principal.user.id,
        name: creation.name,
        key_hash: hashSecret(key),
        scopes: creation.scopes.join(' '),
        expires_at: creation.expires_at,
        last_used_at: null,
        created_at: Timestamp.now(),
      };
      await insertApiKey(db, record);
      log.info({ event: 'authn_token_created' }, 'an API key was made');
      return { record, key };
    },

    list(userId: string, page: PageRequest): Promise<Page<ApiKey>> {
      return listApiKeys(db, userId, page);
    },

    async get(userId: string, id: string): Promise<ApiKey> {
      const key = await findApiKey(db, userId, id);
      if (!key) {
        throw new NotFoundError();
      }
      return key;
    },

    async delete(userId: string, id: string): Promise<void> {
      if (!(await deleteApiKey(db, userId, id))) {
        throw new NotFoundError();
      }
      log.info({ event: 'authn_token_revoked' }, 'an API key was deleted');
    },
  };
}
