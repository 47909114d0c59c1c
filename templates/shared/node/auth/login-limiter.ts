/** Guessing passwords is limited per account and per address. */
import { hash } from 'node:crypto';

import type { Rate } from '../config/settings-reader.ts';
import { limitKey } from '../http/addresses.ts';
import type { Logger } from '../observability/log.ts';
import type { Metrics } from '../observability/metrics.ts';
import type { Counters } from '../rate-limiting/counters.ts';
import { RateLimitedError } from '../rate-limiting/limiter.ts';

const POLICY = 'login';
// Many people may sit behind one address; they must not lock each other out.
const ADDRESS_FACTOR = 20;

interface LoginLimiterDependencies {
  readonly limit: Rate;
  readonly counters: Counters;
  readonly metrics: Metrics;
  readonly log: Logger;
}

export type LoginLimiter = ReturnType<typeof createLoginLimiter>;

export function createLoginLimiter(dependencies: LoginLimiterDependencies) {
  const { limit, counters, metrics, log } = dependencies;

  function refusal(seconds: number): RateLimitedError {
    metrics.rateLimitRejectionsTotal.inc({ policy: POLICY });
    log.warn({ event: 'authn_login_fail_max' }, 'too many failed logins');
    return new RateLimitedError(seconds);
  }

  return {
    /**
     * Counts an attempt before the password is looked at, so that parallel guesses do not slip
     * through. What is returned is called if the password was right.
     */
    async count(email: string, address?: string): Promise<() => Promise<void>> {
      const accountKey = `rl:${POLICY}:${hash('sha256', email)}`;
      const addressKey = address === undefined ? undefined : `rl:${POLICY}:${limitKey(address)}`;
      // The address first: an attacker who has used it up must not lock the account for others.
      if (addressKey !== undefined) {
        const window = await counters.hit(addressKey, limit.seconds);
        if (window.count > limit.count * ADDRESS_FACTOR) {
          throw refusal(window.secondsLeft);
        }
      }
      const window = await counters.hit(accountKey, limit.seconds);
      if (window.count > limit.count) {
        if (addressKey !== undefined) {
          await counters.takeBack(addressKey);
        }
        throw refusal(window.secondsLeft);
      }
      return async () => {
        await counters.forget(accountKey);
        if (addressKey !== undefined) {
          await counters.takeBack(addressKey);
        }
      };
    },
  };
}
