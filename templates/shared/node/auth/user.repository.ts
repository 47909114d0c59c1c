import { type Database, forUpdate } from '../database/database.ts';
import type { Timestamp } from '../database/timestamp.ts';

export interface User {
  id: string;
  email: string;
  password_hash: string;
  display_name: string;
  role: 'user' | 'admin';
  is_active: boolean;
  created_at: Timestamp;
  updated_at: Timestamp;
}

/** What users may change of their own. */
export type UserChanges = Partial<Pick<User, 'display_name'>>;

export function findUserByEmail(db: Database, email: string): Promise<User | undefined> {
  return db.selectFrom('users').selectAll().where('email', '=', email).executeTakeFirst();
}

export function lockUser(db: Database, id: string): Promise<User | undefined> {
  return db
    .selectFrom('users')
    .selectAll()
    .where('id', '=', id)
    .$call(forUpdate)
    .executeTakeFirst();
}

export async function insertUser(db: Database, user: User): Promise<void> {
  await db.insertInto('users').values(user).execute();
}

export async function updateUser(
  db: Database,
  id: string,
  changes: UserChanges & Partial<Pick<User, 'password_hash' | 'updated_at'>>,
): Promise<void> {
  await db.updateTable('users').set(changes).where('id', '=', id).execute();
}
