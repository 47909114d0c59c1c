import type { Database } from '../database/database.ts';
import type { ApiKeyRow } from '../database/tables.ts';
import { isBeyond, keysetOf, type Page, type PageRequest, toPage } from '../http/pagination.ts';
import type { User } from './user.repository.ts';

export type ApiKey = ApiKeyRow;

/** A key that has not expired, and its user, if enabled. */
export async function findLiveApiKey(
  db: Database,
  id: string,
  now: Date,
): Promise<{ key: ApiKey; user: User } | undefined> {
  const key = await db
    .selectFrom('api_keys')
    .selectAll()
    .where('id', '=', id)
    .where((eb) => eb.or([eb('expires_at', 'is', null), eb('expires_at', '>', now)]))
    .executeTakeFirst();
  const user =
    key &&
    (await db
      .selectFrom('users')
      .selectAll()
      .where('id', '=', key.user_id)
      .where('is_active', '=', true)
      .executeTakeFirst());
  return user && { key, user };
}

export async function listApiKeys(
  db: Database,
  userId: string,
  page: PageRequest,
): Promise<Page<ApiKey>> {
  const keyset = keysetOf(page);
  const keys = await db
    .selectFrom('api_keys')
    .selectAll()
    .where('user_id', '=', userId)
    .where(isBeyond(keyset))
    .orderBy('created_at', keyset.direction)
    .orderBy('id', keyset.direction)
    .limit(keyset.limit)
    .execute();
  return toPage(page, keys);
}

export function findApiKey(db: Database, userId: string, id: string): Promise<ApiKey | undefined> {
  return db
    .selectFrom('api_keys')
    .selectAll()
    .where('id', '=', id)
    .where('user_id', '=', userId)
    .executeTakeFirst();
}

export async function insertApiKey(db: Database, key: ApiKey): Promise<void> {
  await db.insertInto('api_keys').values(key).execute();
}

export async function touchApiKey(db: Database, id: string, now: Date): Promise<void> {
  await db.updateTable('api_keys').set({ last_used_at: now }).where('id', '=', id).execute();
}

export async function deleteApiKey(db: Database, userId: string, id: string): Promise<boolean> {
  const { numDeletedRows } = await db
    .deleteFrom('api_keys')
    .where('id', '=', id)
    .where('user_id', '=', userId)
    .executeTakeFirstOrThrow();
  return numDeletedRows > 0n;
}
