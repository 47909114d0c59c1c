/** Rows with a version, which is their ETag: each change raises it. */
import { NotFoundError, PreconditionFailedError } from '../problems/errors.ts';
import { newId } from './new-id.ts';
import { Timestamp } from './timestamp.ts';

export interface VersionedRow {
  id: string;
  version: number;
  created_at: Timestamp;
  updated_at: Timestamp;
}

/** The versions that a caller takes for current (If-Match); undefined where any will do. */
export type ExpectedVersions = ReadonlySet<number> | undefined;

/** What a new row has beside its values. */
export function firstVersion(): VersionedRow {
  const now = Timestamp.now();
  return { id: newId(), version: 1, created_at: now, updated_at: now };
}

/** The row, if it is there, and one that the caller knows. */
export function checkVersion<R extends VersionedRow>(
  row: R | undefined,
  expected: ExpectedVersions,
): R {
  if (!row) {
    throw new NotFoundError();
  }
  if (expected && !expected.has(row.version)) {
    throw new PreconditionFailedError();
  }
  return row;
}

/** The wanted values that differ; undefined where none does. */
export function differences<C extends object>(row: Required<C>, wanted: C): Partial<C> | undefined {
  const changes = Object.entries(wanted).filter(([name, value]) => row[name as keyof C] !== value);
  return changes.length > 0 ? (Object.fromEntries(changes) as Partial<C>) : undefined;
}

/** The changes, as the next version. */
export function nextVersion<C>(row: VersionedRow, changes: C) {
  return { ...changes, version: row.version + 1, updated_at: Timestamp.now() };
}
