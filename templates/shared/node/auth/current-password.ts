import type { Database } from '../database/database.ts';
import type { Passwords } from './passwords.ts';
import { lockUser, type User } from './user.repository.ts';

/**
 * The user, locked, if the password that was right a moment ago still is: hashing takes long enough for
 * a change of password beside it, which no login may undo or outlive.
 */
export async function lockUserIfStill(
  trx: Database,
  passwords: Passwords,
  user: User,
  password: string,
): Promise<User | undefined> {
  const locked = await lockUser(trx, user.id);
  const isSame = locked?.password_hash === user.password_hash;
  const isRight = isSame || (locked && (await passwords.verify(password, locked.password_hash)));
  return locked?.is_active && isRight ? locked : undefined;
}
