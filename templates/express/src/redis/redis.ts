/** The connection to Redis, which may be down at any time. */
import { createClient } from '@redis/client';

import { within } from '../http/deadline.ts';
import { UnavailableError } from '../problems/errors.ts';

const MAX_WAIT_MS = 500;
const PAUSE_MS = 1000;

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

export type RedisConnection = ReturnType<typeof createRedisConnection>;

export function createRedisConnection(url: string) {
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
      throw error;
    }
  }

  return {
    async run<T>(command: (client: Client) => Promise<T>): Promise<T> {
      if (performance.now() < downUntil) {
        throw new RedisDownError();
      }
      try {
        return await attempt(command);
      } catch (error) {
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
