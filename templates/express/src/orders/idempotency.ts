/**
 * Makes a repeated request safe: the first one with a key does the work, the others get its reply.
 *
 * The record is inserted first, in the transaction of the work itself. A parallel twin waits there
 * until the first has committed, and then finds the reply; if the first failed, nothing was kept and
 * the twin does the work.
 */
import { createHash } from 'node:crypto';

import { type Database, lostLock } from '../database/database.ts';
import { newId } from '../database/new-id.ts';
import type { Metrics } from '../observability/metrics.ts';
import { MalformedRequestError } from '../problems/errors.ts';
import { IdempotencyInProgressError, IdempotencyKeyReusedError } from './errors.ts';
import {
  type IdempotencyKey,
  insertKeyOnce,
  lockKey,
  updateKey,
} from './idempotency.repository.ts';

// When a request fails, MySQL lets one of its waiting twins go on and ends the others as deadlocked.
const CLAIMS = 20;
const KEY = /^[\x21\x23-\x5B\x5D-\x7E]{1,128}$/;

/** Whose key it is, for what, and the fingerprint of the body it came with. */
export type RequestKey = Pick<
  IdempotencyKey,
  'user_id' | 'method' | 'path' | 'idempotency_key' | 'body_hash'
>;

export interface KeptReply {
  readonly status: number;
  readonly location: string;
  readonly body: string;
  readonly isReplay: boolean;
}

interface IdempotencyDependencies {
  readonly db: Database;
  readonly ttlSeconds: number;
  readonly metrics: Metrics;
}

export type Idempotency = ReturnType<typeof createIdempotency>;

/** The key of a header, quoted (the draft's sf-string) or bare. */
export function parseIdempotencyKey(header: string): string {
  const key = /^"(.*)"$/.exec(header)?.[1] ?? header;
  if (!KEY.test(key)) {
    throw new MalformedRequestError('The Idempotency-Key is not 1 to 128 visible characters.');
  }
  return key;
}

export function hashBody(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

export function createIdempotency({ db, ttlSeconds, metrics }: IdempotencyDependencies) {
  /** Our record, still without a reply; or the one of an earlier request, with its reply. */
  async function claim(trx: Database, key: RequestKey): Promise<IdempotencyKey> {
    const now = new Date();
    const mine: IdempotencyKey = {
      ...key,
      id: newId(),
      response_status: null,
      response_location: null,
      response_body: null,
      created_at: now,
      expires_at: new Date(now.getTime() + ttlSeconds * 1000),
    };
    await insertKeyOnce(trx, mine);
    const found = await lockKey(trx, key);
    if (!found) {
      return claim(trx, key); // the cleanup has deleted it meanwhile
    }
    if (found.id !== mine.id && found.expires_at <= now) {
      await updateKey(trx, found.id, { ...mine, id: found.id });
      return { ...mine, id: found.id };
    }
    return found;
  }

  function replay(record: IdempotencyKey, key: RequestKey): KeptReply {
    if (record.body_hash !== key.body_hash) {
      throw new IdempotencyKeyReusedError();
    }
    metrics.ordersTotal.inc({ outcome: 'replayed' });
    return {
      status: record.response_status ?? 0,
      location: record.response_location ?? '',
      body: record.response_body ?? '',
      isReplay: true,
    };
  }

  return {
    /** Runs `work` in a transaction. Errors are not kept: they leave the key free. */
    async runOnce(
      key: RequestKey | undefined,
      work: (trx: Database) => Promise<Omit<KeptReply, 'isReplay'>>,
    ): Promise<KeptReply> {
      for (let attempt = 0; attempt < CLAIMS; attempt++) {
        const progress = { isClaiming: key !== undefined };
        try {
          return await db.transaction().execute(async (trx) => {
            const record = key && (await claim(trx, key));
            progress.isClaiming = false;
            if (key && record && record.response_body !== null) {
              return replay(record, key);
            }
            const reply = await work(trx);
            if (record) {
              await updateKey(trx, record.id, {
                response_status: reply.status,
                response_location: reply.location,
                response_body: reply.body,
              });
            }
            return { ...reply, isReplay: false };
          });
        } catch (error) {
          // While only claiming, nothing has been done yet that must not be done twice.
          const lost = progress.isClaiming ? lostLock(error) : undefined;
          if (lost === undefined) {
            throw error;
          }
          if (lost === 'timeout') {
            break;
          }
        }
      }
      throw new IdempotencyInProgressError();
    },
  };
}
