import { type Database, forUpdate } from '../database/database.ts';
import { inSlices } from '../database/slices.ts';
import type { Timestamp } from '../database/timestamp.ts';
import type { User } from './user.repository.ts';

export interface Session {
  id: string;
  user_id: string;
  created_at: Timestamp;
  refreshed_at: Timestamp;
  expires_at: Timestamp;
  ended_at: Timestamp | null;
}

export interface RefreshToken {
  id: string;
  session_id: string;
  token_hash: string;
  created_at: Timestamp;
  used_at: Timestamp | null;
}

/** The user of a session that is alive; one query, because every request with a token asks it. */
export function findUserOfLiveSession(
  db: Database,
  ids: { readonly sessionId: string; readonly userId: string },
  times: { readonly now: Timestamp; readonly idleSince: Timestamp },
): Promise<User | undefined> {
  return db
    .selectFrom('sessions')
    .innerJoin('users', 'users.id', 'sessions.user_id')
    .selectAll('users')
    .where('sessions.id', '=', ids.sessionId)
    .where('users.id', '=', ids.userId)
    .where('users.is_active', '=', true)
    .where('sessions.ended_at', 'is', null)
    .where('sessions.expires_at', '>', times.now)
    .where('sessions.refreshed_at', '>', times.idleSince)
    .executeTakeFirst();
}

/** A session and its user, whatever their state. */
export async function findSessionWithUser(
  db: Database,
  id: string,
): Promise<{ session: Session; user: User }> {
  const session = await db
    .selectFrom('sessions')
    .selectAll()
    .where('id', '=', id)
    .executeTakeFirstOrThrow();
  const user = await db
    .selectFrom('users')
    .selectAll()
    .where('id', '=', session.user_id)
    .executeTakeFirstOrThrow();
  return { session, user };
}

export async function insertSession(db: Database, session: Session): Promise<void> {
  await db.insertInto('sessions').values(session).execute();
}

export async function touchSession(db: Database, id: string, now: Timestamp): Promise<void> {
  await db.updateTable('sessions').set({ refreshed_at: now }).where('id', '=', id).execute();
}

export async function endSession(db: Database, id: string, now: Timestamp): Promise<void> {
  await db
    .updateTable('sessions')
    .set({ ended_at: now })
    .where('id', '=', id)
    .where('ended_at', 'is', null)
    .execute();
}

/** All sessions of a user; one may be spared. */
export async function endSessionsOfUser(
  db: Database,
  userId: string,
  now: Timestamp,
  spared?: string,
): Promise<void> {
  await db
    .updateTable('sessions')
    .set({ ended_at: now })
    .where('user_id', '=', userId)
    .where('ended_at', 'is', null)
    .$if(spared !== undefined, (query) => query.where('id', '!=', spared ?? ''))
    .execute();
}

/** Locked, which makes one of two who come with the same token the second. */
export function lockRefreshToken(db: Database, hash: string): Promise<RefreshToken | undefined> {
  return db
    .selectFrom('refresh_tokens')
    .selectAll()
    .where('token_hash', '=', hash)
    .$call(forUpdate)
    .executeTakeFirst();
}

export async function insertRefreshToken(db: Database, token: RefreshToken): Promise<void> {
  await db.insertInto('refresh_tokens').values(token).execute();
}

export async function spendRefreshToken(db: Database, id: string, now: Timestamp): Promise<void> {
  await db.updateTable('refresh_tokens').set({ used_at: now }).where('id', '=', id).execute();
}

/** Sessions that can never be used again, with their refresh tokens. */
export function deleteExpiredSessions(
  db: Database,
  now: Timestamp,
  idleSince: Timestamp,
): Promise<number> {
  return inSlices(
    (limit) =>
      db
        .selectFrom('sessions')
        .select('id')
        .where((eb) => eb.or([eb('expires_at', '<', now), eb('refreshed_at', '<', idleSince)]))
        .limit(limit)
        .execute(),
    (ids) =>
      db.transaction().execute(async (trx) => {
        await trx.deleteFrom('refresh_tokens').where('session_id', 'in', ids).execute();
        await trx.deleteFrom('sessions').where('id', 'in', ids).execute();
      }),
  );
}
