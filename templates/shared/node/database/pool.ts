import { createSemaphore } from '../http/semaphore.ts';
import type { Pool, PooledConnection } from './connection.ts';

export interface PoolOptions {
  readonly size: number;
  readonly timeoutMs: number;
  readonly connect: () => Promise<PooledConnection>;
}

/** A bounded pool: a caller that finds no connection free waits for one, in order, and fails after a time. */
export function createPool({ size, timeoutMs, connect }: PoolOptions): Pool {
  const idle: PooledConnection[] = []; // the last one used is the first one taken
  const places = createSemaphore(size, timeoutMs);

  return {
    get idle() {
      return idle.length;
    },
    get used() {
      return places.used;
    },

    async take() {
      await places.acquire();
      try {
        for (let connection = idle.pop(); connection; connection = idle.pop()) {
          if (!connection.isBroken) {
            return connection;
          }
          connection.close();
        }
        return await connect();
      } catch (error) {
        places.release();
        throw error;
      }
    },

    giveBack(connection) {
      if (connection.isBroken) {
        connection.close();
      } else {
        idle.push(connection);
      }
      places.release();
    },

    close() {
      for (const connection of idle.splice(0)) {
        connection.close();
      }
      return Promise.resolve();
    },
  };
}
