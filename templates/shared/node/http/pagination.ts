/** Keyset pagination: a cursor names the last item seen, so that changes in between lose nothing. */
import { hash } from 'node:crypto';

import { type SelectQueryBuilder, sql } from 'kysely';

import { Timestamp } from '../database/timestamp.ts';
import { ValidationFailedError } from '../problems/errors.ts';
import { isUuid, toTimestamp, UNSTORABLE } from './schema.ts';

/** The type of a column that a list can be sorted by; no row may be without a value there. */
export type KeyType = keyof typeof KEYS;

/** The columns that a list can be sorted by, one way or the other. */
export type Sorts = Readonly<Record<string, KeyType>>;

/** Which part of which list is wanted; `filters` are the parameters the list was narrowed by. */
export interface PageRequest {
  readonly path: string;
  readonly sorts: Sorts;
  /** One of `sorts`; the greatest first, where it begins with a minus. */
  readonly sort: string;
  readonly limit: number;
  readonly cursor: string;
  readonly filters: Readonly<Record<string, string | number>>;
}

export interface Page<T> {
  readonly items: readonly T[];
  readonly nextCursor: string | null;
}

type Key = Timestamp | number | string;

/** Where a page begins and how it is ordered, for a repository to put into its query. */
export interface Keyset {
  readonly column: string;
  readonly direction: 'asc' | 'desc';
  readonly after: { readonly key: Key; readonly id: string } | undefined;
  /** One more than is shown tells whether there is more. */
  readonly limit: number;
}

export function keysetOf(page: PageRequest): Keyset {
  const column = page.sort.replace('-', '');
  return {
    column,
    direction: page.sort.startsWith('-') ? 'desc' : 'asc',
    after: page.cursor ? decodeCursor(page, column) : undefined,
    limit: page.limit + 1,
  };
}

/** Puts the rows beyond the cursor in order; id breaks ties, in the direction of the sort. */
export function pageOf({ after, column, direction, limit }: Keyset) {
  const [key, id] = [sql.ref(column), sql.ref('id')];
  const beyond = sql.raw(direction === 'desc' ? '<' : '>');
  return <DB, TB extends keyof DB, O>(query: SelectQueryBuilder<DB, TB, O>) =>
    query
      .$if(after !== undefined, (rows) =>
        // The first condition is implied by the second; it is what an index can start from.
        rows.where(
          sql<boolean>`${key} ${beyond}= ${after?.key}
            and (${key} ${beyond} ${after?.key} or ${id} ${beyond} ${after?.id})`,
        ),
      )
      .orderBy(key, direction)
      .orderBy(id, direction)
      // Not a parameter: SQLite would prepare the statement anew each time.
      .limit(sql.lit(limit));
}

/** Cuts what was found to the page that is shown. */
export function toPage<T extends { readonly id: string }>(
  page: PageRequest,
  found: readonly T[],
): Page<T> {
  const column = page.sort.replace('-', '') as keyof T;
  if (found.some((row) => row[column] === null)) {
    // No row comes before or after NULL: other pages would lack what this one has.
    throw new TypeError(`a list cannot be sorted by ${String(column)}, which may be null`);
  }
  const items = found.slice(0, page.limit);
  const last = items.at(-1);
  if (found.length <= page.limit || !last) {
    return { items, nextCursor: null };
  }
  return { items, nextCursor: encodeCursor(page, last[column] as Key, last.id) };
}

/** The Link header to the next page (RFC 8288). */
export function linkToNext(page: PageRequest, cursor: string | null): Record<string, string> {
  if (cursor === null) {
    return {};
  }
  const parameters = { ...page.filters, sort: page.sort, limit: page.limit, cursor };
  const query = Object.entries(parameters).map(([name, value]) => `${name}=${quote(value)}`);
  return { Link: `<${page.path}?${query.join('&')}>; rel="next"` };
}

function quote(value: string | number): string {
  const hex = (character: string) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
  return encodeURIComponent(value).replace(/[!'()*]/g, hex);
}

function encodeCursor(page: PageRequest, key: Key, id: string): string {
  const shownKey = key instanceof Timestamp ? key.text : key;
  const filters = Object.entries(page.filters).map(([name, value]) => `${name}=${value}`);
  const boundTo = [page.path, page.sort, shownKey, id, ...filters.sort()].join('\n');
  const digest = hash('sha256', boundTo).slice(0, 16);
  return Buffer.from(JSON.stringify([page.sort, shownKey, id, digest])).toString('base64url');
}

/** A cursor is good if making it again, for this list, gives the same one. */
function decodeCursor(page: PageRequest, column: string): { key: Key; id: string } {
  try {
    const parts = JSON.parse(Buffer.from(page.cursor, 'base64url').toString()) as unknown[];
    const [, shownKey, id] = parts;
    const key = KEYS[page.sorts[column] ?? 'text'](shownKey);
    if (key !== undefined && isUuid(id) && encodeCursor(page, key, id) === page.cursor) {
      return { key, id };
    }
  } catch {
    // Falls through to the same refusal.
  }
  throw new ValidationFailedError([{ place: 'cursor', code: 'invalid_cursor' }]);
}

/** What a column of a type can hold; a database fails with anything else. */
const KEYS = {
  timestamp: (value: unknown) => (typeof value === 'string' ? toTimestamp(value) : undefined),
  bigint: (value: unknown) => (Number.isSafeInteger(value) ? Number(value) : undefined),
  integer: (value: unknown) =>
    Number.isInteger(value) && Number(value) === (Number(value) | 0) ? Number(value) : undefined,
  text: (value: unknown) =>
    typeof value === 'string' && !UNSTORABLE.test(value) ? value : undefined,
} as const satisfies Record<string, (value: unknown) => Key | undefined>;
