/** Sessions: login, refresh, logout. */
import type { AuthConfig } from '../config/config.ts';
import type { Database } from '../database/database.ts';
import { newId } from '../database/new-id.ts';
import { Timestamp } from '../database/timestamp.ts';
import type { Logger } from '../observability/log.ts';
import type { Metrics } from '../observability/metrics.ts';
import { RateLimitedError } from '../rate-limiting/limiter.ts';
import type { Principal } from './credentials.ts';
import { lockUserIfStill } from './current-password.ts';
import { normaliseEmail } from './emails.ts';
import { InvalidCredentialsError, InvalidRefreshTokenError } from './errors.ts';
import type { LoginLimiter } from './login-limiter.ts';
import { isOutdated, type Passwords } from './passwords.ts';
import { hashSecret, newSecret } from './secrets.ts';
import {
  endSession,
  endSessionsOfUser,
  findSessionWithUser,
  insertRefreshToken,
  insertSession,
  lockRefreshToken,
  type Session,
  spendRefreshToken,
  touchSession,
} from './session.repository.ts';
import type { Tokens } from './tokens.ts';
import { findUserByEmail, updateUser, type User } from './user.repository.ts';

export interface TokenPair {
  readonly accessToken: string;
  readonly refreshToken: string;
}

export interface Login {
  readonly email: string;
  readonly password: string;
}

interface SessionDependencies {
  readonly config: AuthConfig;
  readonly db: Database;
  readonly tokens: Tokens;
  readonly passwords: Passwords;
  readonly loginLimiter: LoginLimiter;
  readonly metrics: Metrics;
  readonly log: Logger;
}

export type Sessions = ReturnType<typeof createSessions>;

export function createSessions(dependencies: SessionDependencies) {
  const { config, db, tokens, passwords, loginLimiter, metrics, log } = dependencies;

  /** The user whose password it is; all failures look the same and take the same time. */
  async function userOf(email: string, password: string): Promise<User | undefined> {
    const user = await findUserByEmail(db, email);
    if (!user) {
      await passwords.verifyNothing(password);
      return undefined;
    }
    return (await passwords.verify(password, user.password_hash)) && user.is_active
      ? user
      : undefined;
  }

  function failure(): InvalidCredentialsError {
    metrics.authLoginTotal.inc({ outcome: 'failure' });
    log.warn({ event: 'authn_login_fail' }, 'a login failed');
    return new InvalidCredentialsError();
  }

  async function countAttempt(email: string, address: string): Promise<() => Promise<void>> {
    try {
      return await loginLimiter.count(email, address);
    } catch (error) {
      if (error instanceof RateLimitedError) {
        metrics.authLoginTotal.inc({ outcome: 'throttled' });
      }
      throw error;
    }
  }

  async function addRefreshToken(
    trx: Database,
    sessionId: string,
    now: Timestamp,
  ): Promise<string> {
    const secret = newSecret();
    await insertRefreshToken(trx, {
      id: newId(),
      session_id: sessionId,
      token_hash: hashSecret(secret),
      created_at: now,
      used_at: null,
    });
    return secret;
  }

  function isAlive(session: Session, now: Timestamp): boolean {
    const idleEnd = session.refreshed_at.plusSeconds(config.refreshIdleSeconds);
    return session.ended_at === null && now.isBefore(session.expires_at) && now.isBefore(idleEnd);
  }

  return {
    async open(login: Login, address: string): Promise<TokenPair> {
      const email = normaliseEmail(login.email);
      const succeed = await countAttempt(email, address);
      const user = await userOf(email, login.password);
      if (!user) {
        throw failure();
      }
      await succeed();
      const newHash = isOutdated(user.password_hash) && (await passwords.hash(login.password));
      const now = Timestamp.now();
      const session: Session = {
        id: newId(),
        user_id: user.id,
        created_at: now,
        refreshed_at: now,
        expires_at: now.plusSeconds(config.refreshMaxSeconds),
        ended_at: null,
      };
      const refreshToken = await db.transaction().execute(async (trx) => {
        if (!(await lockUserIfStill(trx, passwords, user, login.password))) {
          throw failure();
        }
        if (newHash) {
          await updateUser(trx, user.id, { password_hash: newHash });
        }
        await insertSession(trx, session);
        return addRefreshToken(trx, session.id, now);
      });
      metrics.authLoginTotal.inc({ outcome: 'success' });
      log.info({ event: 'authn_login_success', 'user.id': user.id }, 'a login succeeded');
      log.info({ event: 'session_created', 'user.id': user.id }, 'a session was opened');
      return { accessToken: await tokens.issue(user.id, session.id, user.role), refreshToken };
    },

    /** Exchanges a refresh token for new tokens; one that was spent before ends its session. */
    async refresh(given: string): Promise<TokenPair> {
      const now = Timestamp.now();
      const renewed = await db.transaction().execute(async (trx) => {
        const token = await lockRefreshToken(trx, hashSecret(given));
        if (!token) {
          return undefined;
        }
        const { session, user } = await findSessionWithUser(trx, token.session_id);
        if (token.used_at) {
          await endSession(trx, session.id, now);
          log.warn({ event: 'authn_token_reuse', 'user.id': user.id }, 'a spent token came back');
          return undefined;
        }
        if (!user.is_active || !isAlive(session, now)) {
          return undefined;
        }
        await spendRefreshToken(trx, token.id, now);
        await touchSession(trx, session.id, now);
        return { session, user, refreshToken: await addRefreshToken(trx, session.id, now) };
      });
      // Thrown out here, because what was found out in there is to be kept.
      if (!renewed) {
        throw new InvalidRefreshTokenError();
      }
      const { session, user, refreshToken } = renewed;
      log.info({ event: 'session_renewed', 'user.id': user.id }, 'a session was renewed');
      return { accessToken: await tokens.issue(user.id, session.id, user.role), refreshToken };
    },

    async end({ user, credentialId }: Principal, options: { all: boolean }): Promise<void> {
      const now = Timestamp.now();
      await (options.all ? endSessionsOfUser(db, user.id, now) : endSession(db, credentialId, now));
      log.info({ event: 'authn_token_revoked' }, 'a session was ended');
    },
  };
}
