import type { Database } from '../database/database.ts';
import type { Timestamp } from '../database/timestamp.ts';
import { keysetOf, type Page, pageOf, type PageRequest, toPage } from '../http/pagination.ts';
import type { User } from './user.repository.ts';

export interface ApiKey {
  id: string;
  user_id: string;
  name: string;
  key_hash: string;
  /** Separated by one space, in the order given. */
  scopes: string;
  expires_at: Timestamp | null;
  last_used_at: Timestamp | null;
  created_at: Timestamp;
}

/** A key that has not expired, and its user, if enabled. */
export async function findLiveApiKey(
  db: Database,
  id: string,
  now: Timestamp,
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
  const keys = await db
    .selectFrom('api_keys')
    .selectAll()
    .where('user_id', '=', userId)
    .$call(pageOf(keysetOf(page)))
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

export async function touchApiKey(db: Database, id: string, now: Timestamp): Promise<void> {
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
