/**
 * Schemas that take JSON for what it is, and report all faults at once, each with its place and one of
 * the contract's codes. Lengths count code points; nothing is coerced, trimmed or ignored.
 */
import { Timestamp } from '../database/timestamp.ts';
import type { FaultCode } from '../problems/catalog.ts';
import { type Fault, MAX_FAULTS, ValidationFailedError } from '../problems/errors.ts';

const INVALID = Symbol('invalid');
type Parsed<T> = T | typeof INVALID;

const MAX_POINTER = 200;
// No database column and no log takes these: NUL, and halves of surrogate pairs.
export const UNSTORABLE = /\0|\p{Surrogate}/u;
// eslint-disable-next-line no-control-regex -- they are what is looked for
const CONTROLS = /[\0-\x1f\x7f]|\p{Surrogate}/u;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const UTC_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z$/;

export function isUuid(value: unknown): value is string {
  return typeof value === 'string' && UUID.test(value);
}

/** Reads one value, or says what is wrong with it or inside of it. */
export interface Field<T> {
  readonly parse: (value: unknown, place: string, faults: Fault[]) => Parsed<T>;
  /** What a missing field counts as; a field without this is required. */
  readonly absent?: () => T;
}

type Shape = Readonly<Record<string, Field<unknown>>>;
type ValueOf<F> = F extends Field<infer T> ? T : never;
type OptionalNames<S extends Shape> = {
  [Name in keyof S]: undefined extends ValueOf<S[Name]> ? Name : never;
}[keyof S];
type ValuesOf<S extends Shape> = {
  readonly [Name in Exclude<keyof S, OptionalNames<S>>]: ValueOf<S[Name]>;
} & {
  readonly [Name in OptionalNames<S>]?: Exclude<ValueOf<S[Name]>, undefined>;
};

export interface ObjectField<T> extends Field<T> {
  readonly names: readonly string[];
}

export function check<T>(field: Field<T>, value: unknown): T {
  const faults: Fault[] = [];
  const parsed = field.parse(value, '#', faults);
  if (parsed === INVALID || faults.length > 0) {
    throw new ValidationFailedError(faults);
  }
  return parsed;
}

/** `crossCheck` names faults between fields that are valid by themselves. */
export function object<S extends Shape>(
  shape: S,
  crossCheck: (values: Partial<ValuesOf<S>>) => Record<string, FaultCode> = () => ({}),
): ObjectField<ValuesOf<S>> {
  const names = Object.keys(shape);
  const members = Object.entries(shape).map(([name, field]) => ({
    name,
    field,
    step: stepOf(name),
  }));
  return {
    names,
    parse(value, place, faults) {
      if (typeof value !== 'object' || value === null || Array.isArray(value)) {
        return fault(faults, place, 'wrong_type');
      }
      const given = value as Record<string, unknown>;
      for (const name of Object.keys(given)) {
        if (faults.length >= MAX_FAULTS) {
          break; // more are not shown, so that they must not cost anything either
        }
        if (!Object.hasOwn(shape, name)) {
          fault(faults, inside(place, stepOf(name)), 'unknown_field');
        }
      }
      const values: Record<string, unknown> = {};
      for (const { name, field, step } of members) {
        const parsed = parseMember(field, given, name, inside(place, step), faults);
        if (parsed !== INVALID && parsed !== undefined) {
          values[name] = parsed;
        }
      }
      const crossFaults = crossCheck(values as Partial<ValuesOf<S>>);
      for (const [name, code] of Object.entries(crossFaults)) {
        fault(faults, inside(place, stepOf(name)), code);
      }
      return values as ValuesOf<S>;
    },
  };
}

function parseMember<T>(
  field: Field<T>,
  given: Record<string, unknown>,
  name: string,
  place: string,
  faults: Fault[],
): Parsed<T> {
  if (Object.hasOwn(given, name)) {
    return field.parse(given[name], place, faults);
  }
  return field.absent ? field.absent() : fault(faults, place, 'required');
}

export interface ListOptions {
  readonly maximum?: number;
  /** Of objects, the member that must differ. */
  readonly key?: string;
}

/** A list without doubles. */
export function list<T>(item: Field<T>, { maximum = Infinity, key }: ListOptions = {}): Field<T[]> {
  return {
    parse(value, place, faults) {
      if (!Array.isArray(value)) {
        return fault(faults, place, 'wrong_type');
      }
      if (value.length === 0 || value.length > maximum) {
        return fault(faults, place, value.length === 0 ? 'too_few' : 'too_many');
      }
      const seen = new Set<unknown>();
      return value.map((entry: unknown, index) => {
        const itemPlace = `${place}/${index}`;
        const known = faults.length;
        const parsed = item.parse(entry, itemPlace, faults);
        const identity =
          key === undefined ? entry : (entry as Record<string, unknown> | null)?.[key];
        const identityPlace = key === undefined ? itemPlace : `${itemPlace}/${key}`;
        const isFaulty = faults.slice(known).some((found) => found.place === identityPlace);
        if (typeof identity === 'string' && seen.has(identity) && !isFaulty) {
          fault(faults, identityPlace, 'duplicate');
        }
        seen.add(identity);
        return parsed as T; // if it is not, there is a fault, and nobody sees the list
      });
    },
  };
}

export interface TextOptions {
  readonly minimum?: number;
  readonly maximum?: number;
  readonly pattern?: RegExp;
  readonly refused?: RegExp;
}

export function text(options: TextOptions = {}): Field<string> {
  const { minimum = 1, maximum = Infinity, pattern, refused = CONTROLS } = options;
  return {
    parse(value, place, faults) {
      if (typeof value !== 'string') {
        return fault(faults, place, 'wrong_type');
      }
      const length = codePoints(value);
      if (length < minimum || length > maximum) {
        return fault(faults, place, length < minimum ? 'too_short' : 'too_long');
      }
      if (refused.test(value) || pattern?.test(value) === false) {
        return fault(faults, place, 'invalid_format');
      }
      return value;
    },
  };
}

/** JSON knows numbers only: 1.0 and 1e2 are integers, however they are written. */
export function integer(minimum: number, maximum: number): Field<number> {
  return {
    parse(value, place, faults) {
      if (typeof value !== 'number' || (Number.isFinite(value) && !Number.isInteger(value))) {
        return fault(faults, place, 'wrong_type');
      }
      if (value < minimum || value > maximum) {
        return fault(faults, place, value < minimum ? 'too_small' : 'too_large');
      }
      return value;
    },
  };
}

/** An integer in a query string. */
export function queryInteger(minimum: number, maximum: number): Field<number> {
  const field = integer(minimum, maximum);
  return {
    parse: (value, place, faults) =>
      typeof value === 'string' && /^(0|[1-9][0-9]{0,15})$/.test(value)
        ? field.parse(Number(value), place, faults)
        : fault(faults, place, 'wrong_type'),
  };
}

export function boolean(): Field<boolean> {
  return {
    parse: (value, place, faults) =>
      typeof value === 'boolean' ? value : fault(faults, place, 'wrong_type'),
  };
}

export function choice<const T extends string>(choices: readonly T[]): Field<T> {
  return {
    parse(value, place, faults) {
      const chosen = choices.find((entry) => entry === value);
      const code = typeof value === 'string' ? 'invalid_value' : 'wrong_type';
      return chosen ?? fault(faults, place, code);
    },
  };
}

export function uuid(): Field<string> {
  return text({ minimum: 0, pattern: UUID });
}

export function futureTime(): Field<Timestamp> {
  return {
    parse(value, place, faults) {
      if (typeof value !== 'string') {
        return fault(faults, place, 'wrong_type');
      }
      // The year 0, a leap year, exists in RFC 3339 but in no database.
      const moment = toTimestamp(value.replace(/^0000/, '0004'));
      if (!moment) {
        return fault(faults, place, 'invalid_format');
      }
      return Timestamp.now().isBefore(moment) ? moment : fault(faults, place, 'in_past');
    },
  };
}

/** A moment that exists: Date takes the 30th of February for a day of March. */
export function toTimestamp(text: string): Timestamp | undefined {
  const milliseconds = UTC_TIME.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(milliseconds) || text.startsWith('0000')) {
    return undefined;
  }
  const moment = Timestamp.of(milliseconds);
  return moment.text.startsWith(text.slice(0, 19)) ? moment : undefined;
}

/** A further rule on a value that is valid so far. */
export function refine<T>(field: Field<T>, rule: (value: T) => FaultCode | undefined): Field<T> {
  return {
    parse(value, place, faults) {
      const parsed = field.parse(value, place, faults);
      const code = parsed === INVALID ? undefined : rule(parsed);
      return code ? fault(faults, place, code) : parsed;
    },
  };
}

export function nullable<T>(field: Field<T>): Field<T | null> {
  return {
    parse: (value, place, faults) => (value === null ? null : field.parse(value, place, faults)),
  };
}

export function optional<T>(field: Field<T>): Field<T | undefined>;
export function optional<T, D>(field: Field<T>, fallback: D): Field<T | D>;
export function optional<T, D>(field: Field<T>, fallback?: D): Field<T | D | undefined> {
  return { ...field, absent: () => fallback };
}

function fault(faults: Fault[], place: string, code: FaultCode): typeof INVALID {
  faults.push({ place, code });
  return INVALID;
}

/** One step deeper, as a JSON pointer in a URI fragment has it (RFC 6901 §3 and §6). */
function inside(place: string, step: string): string {
  return `${place}/${step}`.slice(0, MAX_POINTER);
}

/** A name as a step of such a pointer. */
function stepOf(name: string): string {
  const escaped = name
    .slice(0, MAX_POINTER + 1)
    .replaceAll('~', '~0')
    .replaceAll('/', '~1')
    .replace(/\p{Surrogate}/gu, '?');
  return encodeURI(escaped).replaceAll('#', '%23');
}

function codePoints(value: string): number {
  return value.length - (value.match(/[\uD800-\uDBFF][\uDC00-\uDFFF]/g)?.length ?? 0);
}
