import {
  type Dialect,
  type InsertQueryBuilder,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type QueryResult,
  type RawBuilder,
  type SelectQueryBuilder,
  sql,
} from 'kysely';
import pg from 'pg';

import type { DatabaseConfig } from '../config/config.ts';
import { within } from '../http/deadline.ts';
import {
  Connection,
  createDriver,
  DatabaseUnavailableError,
  type Pool,
  type StatementListener,
} from './connection.ts';

// Connection lost, too many, cancelled or shutting down, waited too long, deadlock.
const OUTAGES = /^(08|53|57|55P03|40)/;
const QUERY_CANCELED = '57014';
const UNIQUE_VIOLATION = '23505';
const FOREIGN_KEY_VIOLATION = '23503';
// The server cancels a statement that runs too long; this much later it is taken for lost, because
// no time-out of the server's can tell of a network that has gone silent.
const GRACE_MS = 1000;

const types = new pg.TypeOverrides();
types.setTypeParser(pg.types.builtins.INT8, Number); // all of them are below 2^53

class PostgresqlConnection extends Connection {
  readonly #client: pg.PoolClient;
  readonly #timeoutMs: number;

  constructor(client: pg.PoolClient, timeoutMs: number) {
    super();
    this.#client = client;
    this.#timeoutMs = timeoutMs;
  }

  async run<R>(text: string, parameters: readonly unknown[]): Promise<QueryResult<R>> {
    try {
      const query = this.#client.query(text, [...parameters]);
      const result = await within(this.#timeoutMs, query);
      return { rows: result.rows as R[], numAffectedRows: BigInt(result.rowCount ?? 0) };
    } catch (error) {
      if (error instanceof pg.DatabaseError && !OUTAGES.test(error.code ?? '')) {
        throw error;
      }
      // Whatever still arrives on a late connection would be taken for the next answer.
      this.isBroken = !(error instanceof pg.DatabaseError);
      throw new DatabaseUnavailableError({ cause: error });
    }
  }

  close(): void {
    this.#client.release(this.isBroken);
  }
}

/** Closing a connection gives it back to the driver's own pool. */
export function createDatabasePool(config: DatabaseConfig, requestTimeoutMs: number): Pool {
  const pool = new pg.Pool({
    host: config.host,
    port: config.port,
    user: config.user,
    password: config.password,
    database: config.name,
    max: config.poolSize,
    connectionTimeoutMillis: config.poolTimeoutMs,
    statement_timeout: config.statementTimeoutMs,
    types,
  });
  // An idle connection that the server closes is replaced when one is needed.
  pool.on('error', () => undefined);
  const timeoutMs = Math.min(config.statementTimeoutMs + GRACE_MS, requestTimeoutMs);
  return {
    get idle() {
      return pool.idleCount;
    },
    get used() {
      return pool.totalCount - pool.idleCount;
    },
    async take() {
      try {
        return new PostgresqlConnection(await pool.connect(), timeoutMs);
      } catch (error) {
        throw new DatabaseUnavailableError({ cause: error });
      }
    },
    giveBack(connection) {
      connection.close();
    },
    close: () => pool.end(),
  };
}

export function createDialect(pool: Pool, onStatement?: StatementListener): Dialect {
  return {
    createAdapter: () => new PostgresAdapter(),
    createDriver: () => createDriver(pool, { begin: 'begin', onStatement }),
    createIntrospector: (db) => new PostgresIntrospector(db),
    createQueryCompiler: () => new PostgresQueryCompiler(),
  };
}

/** Locks the rows until the end of the transaction. */
export function forUpdate<DB, TB extends keyof DB, O>(
  query: SelectQueryBuilder<DB, TB, O>,
): SelectQueryBuilder<DB, TB, O> {
  return query.forUpdate();
}

/** Inserts nothing where a unique value is taken; waits for who is about to take it. */
export function orIgnore<DB, TB extends keyof DB, O>(
  query: InsertQueryBuilder<DB, TB, O>,
): InsertQueryBuilder<DB, TB, O> {
  return query.onConflict((conflict) => conflict.doNothing());
}

export function contains(column: string, text: string): RawBuilder<boolean> {
  const pattern = `%${text.replace(/[%_|]/g, '|$&')}%`;
  return sql`${sql.ref(column)} ilike ${pattern} escape '|'`;
}

export function isUniqueViolation(error: unknown): boolean {
  return error instanceof pg.DatabaseError && error.code === UNIQUE_VIOLATION;
}

export function isForeignKeyViolation(error: unknown): boolean {
  return error instanceof pg.DatabaseError && error.code === FOREIGN_KEY_VIOLATION;
}

/** Whether a statement gave up because another transaction had what it wanted. */
export function waitedForLock(error: unknown): boolean {
  return (
    error instanceof DatabaseUnavailableError &&
    error.cause instanceof pg.DatabaseError &&
    error.cause.code === QUERY_CANCELED
  );
}
