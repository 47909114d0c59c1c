import { type Database, forUpdate } from '../database/database.ts';
import type { UserRow } from '../database/tables.ts';

export type User = UserRow;

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
  changes: Partial<Pick<User, 'display_name' | 'password_hash' | 'updated_at'>>,
): Promise<void> {
  await db.updateTable('users').set(changes).where('id', '=', id).execute();
}
