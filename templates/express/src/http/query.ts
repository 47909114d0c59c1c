import type { Request } from 'express';

import { type Fault, MalformedRequestError, ValidationFailedError } from '../problems/errors.ts';
import type { Sorts } from './pagination.ts';
import { check, choice, type ObjectField, optional, queryInteger, text } from './schema.ts';

/** What every list takes. */
export const PAGE_PARAMETERS = {
  limit: optional(queryInteger(1, 100), 20),
  cursor: optional(text({ maximum: 512 }), ''),
};

/** `sort`: each column that a list can be sorted by, one way or the other. */
export function sortParameter<const S extends Sorts>(sorts: S, fallback: SortOf<S>) {
  const columns = Object.keys(sorts) as (keyof S & string)[];
  return optional(
    choice<SortOf<S>>(columns.flatMap((column) => [column, `-${column}` as const])),
    fallback,
  );
}

type SortOf<S> = (keyof S & string) | `-${keyof S & string}`;

/** The parameters that an operation knows; the others are ignored. */
export function readQuery<T>(req: Request, schema: ObjectField<T>): T {
  const given = parseQuery(req.url);
  const single: Record<string, string> = {};
  const faults: Fault[] = [];
  for (const name of schema.names) {
    const [value, ...others] = given.get(name) ?? [];
    if (others.length > 0) {
      faults.push({ place: name, code: 'duplicate' });
    } else if (value !== undefined) {
      single[name] = value;
    }
  }
  let values;
  try {
    values = check(schema, single);
  } catch (error) {
    if (!(error instanceof ValidationFailedError)) {
      throw error;
    }
    // A parameter has a name, not a place in a document.
    faults.push(...error.faults.map(({ place, code }) => ({ place: place.slice(2), code })));
  }
  if (values === undefined || faults.length > 0) {
    throw new ValidationFailedError(faults);
  }
  return values;
}

function parseQuery(url: string): Map<string, string[]> {
  const start = url.indexOf('?');
  const parameters = new Map<string, string[]>();
  for (const part of start < 0 ? [] : url.slice(start + 1).split('&')) {
    if (part !== '') {
      const [name = '', ...rest] = part.split('=');
      const decoded = decode(name);
      const values = parameters.get(decoded) ?? [];
      values.push(decode(rest.join('=')));
      parameters.set(decoded, values);
    }
  }
  return parameters;
}

const PLAIN = /^[\w.~-]*$/;
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function decode(text: string): string {
  if (PLAIN.test(text)) {
    return text;
  }
  try {
    // Node.js hands bytes over as characters of Latin-1.
    const plain = decoder.decode(Buffer.from(text.replaceAll('+', ' '), 'latin1'));
    return decodeURIComponent(plain);
  } catch {
    throw new MalformedRequestError('The query is not in percent-encoded UTF-8.');
  }
}
