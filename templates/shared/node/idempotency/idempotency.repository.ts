import { type Database, forUpdate, orIgnore } from '../database/database.ts';
import { inSlices } from '../database/slices.ts';
import type { Timestamp } from '../database/timestamp.ts';

export interface IdempotencyKey {
  id: string;
  user_id: string;
  method: string;
  path: string;
  idempotency_key: string;
  body_hash: string;
  response_status: number | null;
  response_location: string | null;
  response_body: string | null;
  created_at: Timestamp;
  expires_at: Timestamp;
}

/** Inserts nothing where there is such a record; waits for a twin that has not committed yet. */
export async function insertKeyOnce(db: Database, key: IdempotencyKey): Promise<void> {
  await db.insertInto('idempotency_keys').values(key).$call(orIgnore).execute();
}

export function lockKey(
  db: Database,
  key: Pick<IdempotencyKey, 'user_id' | 'method' | 'path' | 'idempotency_key'>,
): Promise<IdempotencyKey | undefined> {
  return db
    .selectFrom('idempotency_keys')
    .selectAll()
    .where('user_id', '=', key.user_id)
    .where('method', '=', key.method)
    .where('path', '=', key.path)
    .where('idempotency_key', '=', key.idempotency_key)
    .$call(forUpdate)
    .executeTakeFirst();
}

export async function updateKey(
  db: Database,
  id: string,
  changes: Partial<IdempotencyKey>,
): Promise<void> {
  await db.updateTable('idempotency_keys').set(changes).where('id', '=', id).execute();
}

/** A key that is claimed again meanwhile is not expired any more. */
export function deleteExpiredKeys(db: Database, now: Timestamp): Promise<number> {
  return inSlices(
    (limit) =>
      db
        .selectFrom('idempotency_keys')
        .select('id')
        .where('expires_at', '<', now)
        .limit(limit)
        .execute(),
    (ids) =>
      db
        .deleteFrom('idempotency_keys')
        .where('id', 'in', ids)
        .where('expires_at', '<', now)
        .execute(),
  );
}
