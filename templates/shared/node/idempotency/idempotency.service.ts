/**
 * Makes a repeated request safe: the first one with a key does the work, the others get its reply.
 *
 * The record is inserted first, in the transaction of the work itself. A parallel twin waits there
 * until the first has committed, and then finds the reply; if the first failed, nothing was kept and
 * the twin does the work.
 */
import { type Database, lostLock } from '../database/database.ts';
import { newId } from '../database/new-id.ts';
import { Timestamp } from '../database/timestamp.ts';
import { IdempotencyInProgressError, IdempotencyKeyReusedError } from './errors.ts';
import {
  type IdempotencyKey,
  insertKeyOnce,
  lockKey,
  updateKey,
} from './idempotency.repository.ts';

// When a request fails, MySQL lets one of its waiting twins go on and ends the others as deadlocked.
const CLAIMS = 20;

/** Whose key it is, for what, and the fingerprint of the body it came with. */
export type RequestKey = Pick<
  IdempotencyKey,
  'user_id' | 'method' | 'path' | 'idempotency_key' | 'body_hash'
>;

/** What is kept of a reply; other headers are not. */
export interface KeptReply {
  readonly status: number;
  readonly location?: string | undefined;
  readonly body: string;
}

export interface OnceReply extends KeptReply {
  /** Whether it is the reply to an earlier request with this key. */
  readonly isReplay: boolean;
}

interface IdempotencyDependencies {
  readonly db: Database;
  readonly ttlSeconds: number;
}

export type Idempotency = ReturnType<typeof createIdempotency>;

export function createIdempotency({ db, ttlSeconds }: IdempotencyDependencies) {
  /** Our record, still without a reply; or the one of an earlier request, with its reply. */
  async function claim(trx: Database, key: RequestKey): Promise<IdempotencyKey> {
    const now = Timestamp.now();
    const mine: IdempotencyKey = {
      ...key,
      id: newId(),
      response_status: null,
      response_location: null,
      response_body: null,
      created_at: now,
      expires_at: now.plusSeconds(ttlSeconds),
    };
    await insertKeyOnce(trx, mine);
    const found = await lockKey(trx, key);
    if (!found) {
      return claim(trx, key); // the cleanup has deleted it meanwhile
    }
    if (found.id !== mine.id && !now.isBefore(found.expires_at)) {
      await updateKey(trx, found.id, { ...mine, id: found.id });
      return { ...mine, id: found.id };
    }
    return found;
  }

  function replay(record: IdempotencyKey, key: RequestKey): OnceReply {
    if (record.body_hash !== key.body_hash) {
      throw new IdempotencyKeyReusedError();
    }
    return {
      status: record.response_status ?? 0,
      location: record.response_location ?? undefined,
      body: record.response_body ?? '',
      isReplay: true,
    };
  }

  return {
    /** Runs `work` in a transaction. Errors are not kept: they leave the key free. */
    async runOnce(
      key: RequestKey | undefined,
      work: (trx: Database) => Promise<KeptReply>,
    ): Promise<OnceReply> {
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
                response_location: reply.location ?? null,
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
