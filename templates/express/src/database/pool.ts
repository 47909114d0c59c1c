import { createTurns } from '../http/turns.ts';
import type { Pool, PooledConnection } from './connection.ts';

export interface PoolOptions {
  readonly size: number;
  readonly timeoutMs: number;
  readonly connect: () => Promise<PooledConnection>;
}

/** A bounded pool: who finds no connection free waits for one, in turn and not for long. */
export function createPool({ size, timeoutMs, connect }: PoolOptions): Pool {
  const idle: PooledConnection[] = []; // the last one used is the first one taken
  const turns = createTurns(size, timeoutMs);

  return {
    get idle() {
      return idle.length;
    },
    get used() {
      return turns.taken;
    },

    async take() {
      await turns.take();
      try {
        for (let connection = idle.pop(); connection; connection = idle.pop()) {
          if (!connection.isBroken) {
            return connection;
          }
          connection.close();
        }
        return await connect();
      } catch (error) {
        turns.leave();
        throw error;
      }
    },

    giveBack(connection) {
      if (connection.isBroken) {
        connection.close();
      } else {
        idle.push(connection);
      }
      turns.leave();
    },

    close() {
      for (const connection of idle.splice(0)) {
        connection.close();
      }
      return Promise.resolve();
    },
  };
}
