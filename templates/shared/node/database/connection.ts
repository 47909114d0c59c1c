import type { CompiledQuery, DatabaseConnection, Driver, QueryResult } from 'kysely';

import { UnavailableError } from '../problems/errors.ts';

/** The database is down, busy or too slow. */
export class DatabaseUnavailableError extends UnavailableError {}

/** What is told of each statement, for traces; what it returns is called at the end. */
export type StatementListener = (sql: string) => (error?: unknown) => void;

export interface PooledConnection extends DatabaseConnection {
  /** Whether it cannot be used for another statement. */
  readonly isBroken: boolean;
  onStatement: StatementListener | undefined;
  begin: () => Promise<unknown>;
  end: (outcome: 'commit' | 'rollback') => Promise<unknown>;
  close: () => void;
}

/** A connection of any database driver, as Kysely wants it. */
export abstract class Connection implements PooledConnection {
  isBroken = false;
  onStatement: StatementListener | undefined;

  /** Begins a transaction. */
  abstract begin(): Promise<unknown>;
  abstract run<R>(sql: string, parameters: readonly unknown[]): Promise<QueryResult<R>>;
  abstract close(): void;

  end(outcome: 'commit' | 'rollback'): Promise<unknown> {
    return this.run(outcome, []);
  }

  async executeQuery<R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> {
    const end = this.onStatement?.(sql);
    try {
      const result = await this.run<R>(sql, parameters);
      end?.();
      return result;
    } catch (error) {
      end?.(error);
      throw error;
    }
  }

  streamQuery(): never {
    throw new Error('results are small here; nothing is streamed');
  }
}

export interface Pool {
  readonly idle: number;
  readonly used: number;
  take: () => Promise<PooledConnection>;
  giveBack: (connection: PooledConnection) => void;
  close: () => Promise<void>;
}

/** Kysely's driver on a pool of connections. */
export function createDriver(pool: Pool, onStatement: StatementListener | undefined): Driver {
  return {
    init: () => Promise.resolve(),
    async acquireConnection() {
      const connection = await pool.take();
      connection.onStatement = onStatement;
      return connection;
    },
    async beginTransaction(connection) {
      await (connection as PooledConnection).begin();
    },
    async commitTransaction(connection) {
      await (connection as PooledConnection).end('commit');
    },
    async rollbackTransaction(connection) {
      // The server rolls back by itself what a lost connection leaves open.
      if (!(connection as PooledConnection).isBroken) {
        await (connection as PooledConnection).end('rollback');
      }
    },
    releaseConnection(connection) {
      pool.giveBack(connection as PooledConnection);
      return Promise.resolve();
    },
    destroy: () => pool.close(),
  };
}
