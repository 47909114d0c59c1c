import {
  type FaultCode,
  FAULTS,
  type ProblemSlug,
  type ProblemStatus,
  STATUSES,
} from './catalog.ts';

/** As many as are shown. */
export const MAX_FAULTS = 50;

export interface ProblemOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly members?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
}

/**
 * An error that has a problem of its own on the wire: a slug of the catalogue, or the status where
 * that says it all. Services throw these; how one is written, only the error handler knows.
 */
export class ProblemError extends Error {
  readonly problem: ProblemSlug | ProblemStatus;
  readonly headers: Readonly<Record<string, string>>;
  readonly members: Readonly<Record<string, unknown>>;

  constructor(problem: ProblemSlug | ProblemStatus, detail: string, options: ProblemOptions = {}) {
    super(detail, { cause: options.cause });
    this.name = new.target.name;
    this.problem = problem;
    this.headers = options.headers ?? {};
    this.members = options.members ?? {};
  }

  get status(): ProblemStatus {
    return typeof this.problem === 'string' ? STATUSES[this.problem] : this.problem;
  }
}

export class MalformedRequestError extends ProblemError {
  constructor(detail = 'The request cannot be read.') {
    super('malformed-request', detail);
  }
}

export class NotFoundError extends ProblemError {
  constructor() {
    super(404, 'There is nothing here that you may see.');
  }
}

export class AlreadyExistsError extends ProblemError {
  constructor() {
    super('already-exists', 'Something with this value exists.');
  }
}

export class InUseError extends ProblemError {
  constructor() {
    super('in-use', 'Something else refers to this, so that it cannot be removed.');
  }
}

export class PreconditionFailedError extends ProblemError {
  constructor() {
    super('precondition-failed', 'The resource has changed since it was read.');
  }
}

export class ContentTooLargeError extends ProblemError {
  constructor() {
    super(413, 'The body is larger than this service reads.');
  }
}

export class UnsupportedMediaTypeError extends ProblemError {
  /** `headers` say what would be taken (RFC 9110 §15.5.16). */
  constructor(headers: Record<string, string>) {
    super(415, 'The body is of a media type or encoding that is not read here.', { headers });
  }
}

export class UnavailableError extends ProblemError {
  constructor(options?: ProblemOptions) {
    super(503, 'The service cannot do this at the moment; try again soon.', options);
  }
}

/** What is wrong at one place: a pointer into the body, which begins with #, or a parameter. */
export interface Fault {
  readonly place: string;
  readonly code: FaultCode;
}

export class ValidationFailedError extends ProblemError {
  readonly faults: readonly Fault[];

  constructor(faults: readonly Fault[]) {
    const errors = faults
      .toSorted((a, b) => (a.place < b.place ? -1 : 1))
      .slice(0, MAX_FAULTS)
      .map(({ place, code }) => ({
        [place.startsWith('#') ? 'pointer' : 'parameter']: place,
        code,
        detail: FAULTS[code],
      }));
    super('validation-failed', 'The request was read, but it is not valid.', {
      members: { errors },
    });
    this.faults = faults;
  }
}
