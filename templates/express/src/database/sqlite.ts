/**
 * SQLite: better-sqlite3 answers at once, and so never waits for a lock either; the waiting is done
 * here, between attempts, while other requests go on. It also means that a statement cannot be
 * interrupted: DB_STATEMENT_TIMEOUT_MS bounds the waiting.
 */
import { setTimeout as sleep } from 'node:timers/promises';

import Sqlite from 'better-sqlite3';
import {
  type Dialect,
  type InsertQueryBuilder,
  type QueryResult,
  type RawBuilder,
  sql,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely';

import type { DatabaseConfig } from '../config/config.ts';
import {
  Connection,
  createDriver,
  DatabaseUnavailableError,
  type Pool,
  type StatementListener,
} from './connection.ts';
import { createPool } from './pool.ts';

const RETRY_MS = 5;
const MAX_PREPARED = 200;
// Not to be had, busy, full, broken: of the file, not of a statement.
const OUTAGES = /^SQLITE_(BUSY|LOCKED|CANTOPEN|IOERR|FULL|READONLY|NOTADB|CORRUPT|PROTOCOL)/;

class SqliteConnection extends Connection {
  readonly #db: Sqlite.Database;
  readonly #timeoutMs: number;
  readonly #prepared = new Map<string, Sqlite.Statement>();

  private constructor(db: Sqlite.Database, timeoutMs: number) {
    super();
    this.#db = db;
    this.#timeoutMs = timeoutMs;
  }

  static async open({ file, statementTimeoutMs }: DatabaseConfig): Promise<SqliteConnection> {
    try {
      const db = new Sqlite(file, { timeout: 0 });
      const connection = new SqliteConnection(db, statementTimeoutMs);
      for (const pragma of ['journal_mode = wal', 'synchronous = normal', 'foreign_keys = on']) {
        await connection.#patiently(() => db.pragma(pragma));
      }
      return connection;
    } catch (error) {
      throw new DatabaseUnavailableError({ cause: error });
    }
  }

  async run<R>(text: string, parameters: readonly unknown[]): Promise<QueryResult<R>> {
    const values = parameters.map(toColumn);
    return this.#patiently(() => {
      const statement = this.#prepare(text);
      if (statement.reader) {
        return { rows: statement.all(...values).map((row) => fromRow(row as object) as R) };
      }
      return { rows: [], numAffectedRows: BigInt(statement.run(...values).changes) };
    });
  }

  close(): void {
    this.#db.close();
  }

  #prepare(text: string): Sqlite.Statement {
    const known = this.#prepared.get(text);
    if (known) {
      return known;
    }
    if (this.#prepared.size >= MAX_PREPARED) {
      this.#prepared.clear();
    }
    const statement = this.#db.prepare(text);
    this.#prepared.set(text, statement);
    return statement;
  }

  async #patiently<T>(work: () => T): Promise<T> {
    const deadline = performance.now() + this.#timeoutMs;
    for (;;) {
      try {
        return work();
      } catch (error) {
        const { code } = error as { code?: string };
        if (code?.startsWith('SQLITE_BUSY') && performance.now() < deadline) {
          await sleep(RETRY_MS);
        } else {
          throw code && OUTAGES.test(code) ? new DatabaseUnavailableError({ cause: error }) : error;
        }
      }
    }
  }
}

/** SQLite has neither a type for times nor one for truth. */
function toColumn(value: unknown): unknown {
  if (value instanceof Date) {
    return value.toISOString();
  }
  return typeof value === 'boolean' ? Number(value) : value;
}

function fromRow(row: object): object {
  const entries = Object.entries(row).map(([name, value]: [string, unknown]) => [
    name,
    name.endsWith('_at') && typeof value === 'string' ? new Date(value) : value,
  ]);
  return Object.fromEntries(entries) as object;
}

/** Kysely takes SQLite for a database of one connection, and without transactions for its schema. */
class ManyConnectionsAdapter extends SqliteAdapter {
  override get supportsMultipleConnections(): boolean {
    return true;
  }

  override get supportsTransactionalDdl(): boolean {
    return true;
  }
}

export function createDatabasePool(config: DatabaseConfig): Pool {
  return createPool({
    size: config.poolSize,
    timeoutMs: config.poolTimeoutMs,
    connect: () => SqliteConnection.open(config),
  });
}

export function createDialect(pool: Pool, onStatement?: StatementListener): Dialect {
  return {
    createAdapter: () => new ManyConnectionsAdapter(),
    // A transaction that reads first and then wants to write would fail beside another.
    createDriver: () => createDriver(pool, { begin: 'begin immediate', onStatement }),
    createIntrospector: (db) => new SqliteIntrospector(db),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  };
}

/** A transaction has the whole database to itself; there are no locks on rows. */
export function forUpdate<Query>(query: Query): Query {
  return query;
}

/** Inserts nothing where a unique value is taken. */
export function orIgnore<DB, TB extends keyof DB, O>(
  query: InsertQueryBuilder<DB, TB, O>,
): InsertQueryBuilder<DB, TB, O> {
  return query.onConflict((conflict) => conflict.doNothing());
}

/** LIKE folds ASCII letters here. */
export function contains(column: string, text: string): RawBuilder<boolean> {
  const pattern = `%${text.replace(/[%_|]/g, '|$&')}%`;
  return sql`${sql.ref(column)} like ${pattern} escape '|'`;
}

export function isUniqueViolation(error: unknown): boolean {
  return error instanceof Sqlite.SqliteError && error.code === 'SQLITE_CONSTRAINT_UNIQUE';
}

export function isForeignKeyViolation(error: unknown): boolean {
  return error instanceof Sqlite.SqliteError && error.code === 'SQLITE_CONSTRAINT_FOREIGNKEY';
}

/** Whether a statement gave up because another transaction had what it wanted. */
export function waitedForLock(error: unknown): boolean {
  return (
    error instanceof DatabaseUnavailableError &&
    error.cause instanceof Sqlite.SqliteError &&
    error.cause.code.startsWith('SQLITE_BUSY')
  );
}
