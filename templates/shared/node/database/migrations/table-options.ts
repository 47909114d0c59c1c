import { type Kysely, type RawBuilder, sql } from 'kysely';

/** Compared by its bytes, as in other databases, whatever the server's default is; with blanks at the end. */
export async function tableOptions(db: Kysely<unknown>): Promise<RawBuilder<unknown>> {
  const { rows } = await sql<{ version: string }>`select version() as version`.execute(db);
  const collation = rows[0]?.version.includes('MariaDB') ? 'utf8mb4_nopad_bin' : 'utf8mb4_0900_bin';
  return sql.raw(`character set utf8mb4 collate ${collation}`);
}
