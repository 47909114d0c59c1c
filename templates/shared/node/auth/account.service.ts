/** Accounts: registration, profile, password. */
import { type Database, isUniqueViolation } from '../database/database.ts';
import { newId } from '../database/new-id.ts';
import { Timestamp } from '../database/timestamp.ts';
import { differences } from '../database/versioned.ts';
import type { Logger } from '../observability/log.ts';
import { type Fault, ValidationFailedError } from '../problems/errors.ts';
import type { Principal } from './credentials.ts';
import { lockUserIfStill } from './current-password.ts';
import { normaliseEmail } from './emails.ts';
import { EmailTakenError } from './errors.ts';
import type { LoginLimiter } from './login-limiter.ts';
import type { Passwords } from './passwords.ts';
import type { Role } from './roles.ts';
import { endSessionsOfUser } from './session.repository.ts';
import { insertUser, updateUser, type User, type UserChanges } from './user.repository.ts';

export interface Registration {
  readonly email: string;
  readonly password: string;
  readonly display_name: string;
}

export interface PasswordChange {
  readonly current_password: string;
  readonly new_password: string;
}

interface AccountDependencies {
  readonly db: Database;
  readonly passwords: Passwords;
  readonly loginLimiter: LoginLimiter;
  readonly log: Logger;
}

export type Accounts = ReturnType<typeof createAccounts>;

export function createAccounts({ db, passwords, loginLimiter, log }: AccountDependencies) {
  return {
    async register(registration: Registration): Promise<User> {
      const user = await newUser(passwords, registration, 'user');
      try {
        await insertUser(db, user);
      } catch (error) {
        throw isUniqueViolation(error, 'users_email_key') ? new EmailTakenError() : error;
      }
      log.info({ event: 'user_created', 'user.id': user.id }, 'an account was made');
      return user;
    },

    async update(user: User, wanted: UserChanges): Promise<User> {
      const changes = differences(user, wanted);
      if (!changes) {
        return user;
      }
      const changed = { ...changes, updated_at: Timestamp.now() };
      await updateUser(db, user.id, changed);
      log.info({ event: 'user_updated' }, 'a profile was changed');
      return { ...user, ...changed };
    },

    /** Ends all other sessions, which somebody who knew the old password may hold. */
    async changePassword(principal: Principal, change: PasswordChange): Promise<void> {
      const { user, credentialId } = principal;
      const succeed = await loginLimiter.count(user.email);
      const faults: Fault[] = [];
      if (await passwords.verify(change.current_password, user.password_hash)) {
        await succeed();
      } else {
        log.warn({ event: 'authn_password_change_fail' }, 'the current password was wrong');
        faults.push({ place: '#/current_password', code: 'incorrect' });
      }
      if (normaliseEmail(change.new_password) === user.email) {
        faults.push({ place: '#/new_password', code: 'blocked_password' });
      }
      if (faults.length > 0) {
        throw new ValidationFailedError(faults);
      }
      const password_hash = await passwords.hash(change.new_password);
      const now = Timestamp.now();
      await db.transaction().execute(async (trx) => {
        if (!(await lockUserIfStill(trx, passwords, user, change.current_password))) {
          throw new ValidationFailedError([{ place: '#/current_password', code: 'incorrect' }]);
        }
        await updateUser(trx, user.id, { password_hash, updated_at: now });
        await endSessionsOfUser(trx, user.id, now, credentialId);
      });
      log.info({ event: 'authn_password_change' }, 'a password was changed');
    },
  };
}

export async function newUser(
  passwords: Passwords,
  registration: Registration,
  role: Role,
): Promise<User> {
  const now = Timestamp.now();
  return {
    id: newId(),
    email: normaliseEmail(registration.email),
    password_hash: await passwords.hash(registration.password),
    display_name: registration.display_name,
    role,
    is_active: true,
    created_at: now,
    updated_at: now,
  };
}
