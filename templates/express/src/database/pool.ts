import { DatabaseUnavailableError, type Pool, type PooledConnection } from './connection.ts';

export interface PoolOptions {
  readonly size: number;
  readonly timeoutMs: number;
  readonly connect: () => Promise<PooledConnection>;
}

/** A bounded pool: who finds no connection free waits for one, in turn and not for long. */
export function createPool({ size, timeoutMs, connect }: PoolOptions): Pool {
  const idle: PooledConnection[] = []; // the last one used is the first one taken
  const waiting: (() => void)[] = [];
  let used = 0;

  function turn(): Promise<void> {
    if (used < size) {
      used++;
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      const proceed = () => {
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(() => {
        waiting.splice(waiting.indexOf(proceed), 1);
        reject(new DatabaseUnavailableError({ cause: new Error('no connection became free') }));
      }, timeoutMs);
      waiting.push(proceed);
    });
  }

  /** The place of one who is done goes to the next who waits. */
  function leave(): void {
    const next = waiting.shift();
    if (next) {
      next();
    } else {
      used--;
    }
  }

  return {
    get idle() {
      return idle.length;
    },
    get used() {
      return used;
    },

    async take() {
      await turn();
      try {
        for (let connection = idle.pop(); connection; connection = idle.pop()) {
          if (!connection.isBroken) {
            return connection;
          }
          connection.close();
        }
        return await connect();
      } catch (error) {
        leave();
        throw error;
      }
    },

    giveBack(connection) {
      if (connection.isBroken) {
        connection.close();
      } else {
        idle.push(connection);
      }
      leave();
    },

    close() {
      for (const connection of idle.splice(0)) {
        connection.close();
      }
      return Promise.resolve();
    },
  };
}
