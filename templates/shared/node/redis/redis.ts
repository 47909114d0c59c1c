/** The connection to Redis, which may be down at any time. */
import { createClient } from '@redis/client';

import { within } from '../http/deadline.ts';
import { exceptionFields, type Logger } from '../observability/log.ts';
import type { Metrics } from '../observability/metrics.ts';
import { UnavailableError } from '../problems/errors.ts';

const MAX_WAIT_MS = 500;
const PAUSE_MS = 1000;
const COMPLAIN_EVERY_MS = 60_000;

type Client = ReturnType<typeof newClient>;

function newClient(url: string) {
  return createClient({
    url,
    disableOfflineQueue: true,
    // The next command makes a new connection; commands must not wait for an old one.
    socket: { reconnectStrategy: false, connectTimeout: MAX_WAIT_MS },
  });
}

/** Thrown at once for a moment after a failure: else each request would wait for the deadline. */
export class RedisDownError extends UnavailableError {}

/** What Redis is asked for, as the metrics name it. */
type Operation = 'rate_limit' | 'login_limit' | 'cache';

interface RedisDependencies {
  readonly url: string;
  readonly metrics: Metrics;
  readonly log: Logger;
}

export type RedisConnection = ReturnType<typeof createRedisConnection>;

export function createRedisConnection({ url, metrics, log }: RedisDependencies) {
  let nextComplaint = 0;
  let connecting: Promise<Client> | undefined;
  let downUntil = 0;

  function connect(): Promise<Client> {
    const client = newClient(url);
    const connection = client.connect();
    const forget = () => void drop(connection);
    client.on('error', forget).on('end', forget);
    return connection;
  }

  async function drop(connection: Promise<Client> | undefined): Promise<void> {
    if (connecting === connection) {
      connecting = undefined;
    }
    const client = await connection?.catch(() => undefined);
    if (client?.isOpen) {
      client.destroy();
    }
  }

  async function attempt<T>(command: (client: Client) => Promise<T>): Promise<T> {
    const connection = (connecting ??= connect());
    try {
      return await within(MAX_WAIT_MS, connection.then(command));
    } catch (error) {
      void drop(connection);
      complain(error);
      throw error;
    }
  }

  /** An outage is long, and its requests are many: one line a minute is enough. */
  function complain(error: unknown): void {
    const now = performance.now();
    if (now >= nextComplaint) {
      nextComplaint = now + COMPLAIN_EVERY_MS;
      log.warn(
        { event: 'sys_dependency_fail', ...exceptionFields(error) },
        'Redis does not answer; limits and cache are passed by',
      );
    }
  }

  return {
    async run<T>(operation: Operation, command: (client: Client) => Promise<T>): Promise<T> {
      try {
        if (performance.now() < downUntil) {
          throw new RedisDownError();
        }
        return await attempt(command);
      } catch (error) {
        metrics.redisErrorsTotal.inc({ operation });
        if (error instanceof RedisDownError) {
          throw error;
        }
        downUntil = performance.now() + PAUSE_MS;
        throw new RedisDownError({ cause: error });
      }
    },

    /** For the readiness probe, which asks Redis itself in spite of a failure just before. */
    async ping(): Promise<void> {
      await attempt((client) => client.ping());
      downUntil = 0;
    },

    close: () => drop(connecting),
  };
}
