import {
  type Dialect,
  type InsertQueryBuilder,
  MysqlAdapter,
  MysqlIntrospector,
  MysqlQueryCompiler,
  type QueryResult,
  type RawBuilder,
  type SelectQueryBuilder,
  sql,
} from 'kysely';
import mysql, { type ResultSetHeader } from 'mysql2/promise';

import type { DatabaseConfig } from '../config/config.ts';
import { within } from '../http/deadline.ts';
import {
  Connection,
  createDriver,
  DatabaseUnavailableError,
  type Pool,
  type StatementListener,
} from './connection.ts';
import { createPool } from './pool.ts';

const ER_DUP_ENTRY = 1062;
const ER_ROW_IS_REFERENCED = 1451;
const ER_LOCK_WAIT_TIMEOUT = 1205;
const ER_STATEMENT_TIMEOUT = 1969; // MariaDB
const ER_QUERY_TIMEOUT = 3024; // MySQL
const LOCK_WAITS = [ER_LOCK_WAIT_TIMEOUT, ER_STATEMENT_TIMEOUT, ER_QUERY_TIMEOUT];
// Too many connections, shutting down, aborted, deadlock, interrupted, killed.
const OUTAGES = [1040, 1053, 1152, 1203, 1213, 1317, 1927, ...LOCK_WAITS];
const KILLED = [1053, 1152, 1927];
// The server ends a statement that runs too long; this much later it is taken for lost, because no
// time-out of the server's can tell of a network that has gone silent.
const GRACE_MS = 1000;

class MysqlConnection extends Connection {
  readonly #connection: mysql.Connection;
  readonly #timeoutMs: number;

  private constructor(connection: mysql.Connection, timeoutMs: number) {
    super();
    this.#connection = connection;
    this.#timeoutMs = timeoutMs;
    for (const event of ['error', 'end']) {
      connection.on(event, () => {
        this.isBroken = true;
      });
    }
  }

  static async open(config: DatabaseConfig, timeoutMs: number): Promise<MysqlConnection> {
    try {
      const connecting = mysql.createConnection({
        host: config.host,
        port: config.port,
        user: config.user,
        password: config.password,
        database: config.name,
        charset: 'utf8mb4',
        connectTimeout: config.poolTimeoutMs,
        supportBigNumbers: true,
        timezone: 'Z',
      });
      const connection = new MysqlConnection(await connecting, timeoutMs);
      await connection.#prepareSession(config.statementTimeoutMs);
      return connection;
    } catch (error) {
      throw new DatabaseUnavailableError({ cause: error });
    }
  }

  async run<R>(text: string, parameters: readonly unknown[]): Promise<QueryResult<R>> {
    try {
      const query = this.#connection.query(text, [...parameters]);
      const [result] = await within(this.#timeoutMs, query);
      if (Array.isArray(result)) {
        return { rows: result as R[] };
      }
      return { rows: [], numAffectedRows: BigInt((result as ResultSetHeader).affectedRows) };
    } catch (error) {
      const code = errorNumber(error);
      if (code !== undefined && !OUTAGES.includes(code)) {
        throw error;
      }
      // Whatever still arrives on a late connection would be taken for the next answer.
      this.isBroken ||= code === undefined || KILLED.includes(code);
      throw new DatabaseUnavailableError({ cause: error });
    }
  }

  close(): void {
    this.#connection.destroy();
  }

  async #prepareSession(timeoutMs: number): Promise<void> {
    const { rows } = await this.run<{ version: string }>('select version() as version', []);
    await this.run(
      rows[0]?.version.includes('MariaDB')
        ? `set session max_statement_time = ${timeoutMs / 1000}`
        : `set session max_execution_time = ${timeoutMs}`,
      [],
    );
    await this.run(`set session innodb_lock_wait_timeout = ${Math.ceil(timeoutMs / 1000)}`, []);
    // As in the other databases: a statement sees what was committed before it.
    await this.run('set session transaction isolation level read committed', []);
  }
}

/** The server's number of an error; undefined for one of the connection. */
function errorNumber(error: unknown): number | undefined {
  const { errno, sqlState } = error as { errno?: number; sqlState?: string };
  return sqlState === undefined ? undefined : errno;
}

export function createDatabasePool(config: DatabaseConfig, requestTimeoutMs: number): Pool {
  const timeoutMs = Math.min(config.statementTimeoutMs + GRACE_MS, requestTimeoutMs);
  return createPool({
    size: config.poolSize,
    timeoutMs: config.poolTimeoutMs,
    connect: () => MysqlConnection.open(config, timeoutMs),
  });
}

export function createDialect(pool: Pool, onStatement?: StatementListener): Dialect {
  return {
    createAdapter: () => new MysqlAdapter(),
    createDriver: () => createDriver(pool, { begin: 'start transaction', onStatement }),
    createIntrospector: (db) => new MysqlIntrospector(db),
    createQueryCompiler: () => new MysqlQueryCompiler(),
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
  return query.ignore();
}

export function contains(column: string, text: string): RawBuilder<boolean> {
  const pattern = `%${text.replace(/[%_|]/g, '|$&')}%`;
  return sql`${sql.ref(column)} like ${pattern} escape '|'`;
}

export function isUniqueViolation(error: unknown): boolean {
  return errorNumber(error) === ER_DUP_ENTRY;
}

export function isForeignKeyViolation(error: unknown): boolean {
  return errorNumber(error) === ER_ROW_IS_REFERENCED;
}

/** Whether a statement gave up because another transaction had what it wanted. */
export function waitedForLock(error: unknown): boolean {
  return (
    error instanceof DatabaseUnavailableError && LOCK_WAITS.includes(errorNumber(error.cause) ?? 0)
  );
}
