import { STATUS_CODES } from 'node:http';

import type { ErrorRequestHandler, Request, Response } from 'express';

import { JSON_TYPE, sendBody } from '../http/replies.ts';
import { currentRequest } from '../observability/context.ts';
import { exceptionFields, type Logger } from '../observability/log.ts';
import type { Limiter } from '../rate-limiting/limiter.ts';
import { type ProblemStatus, TITLES } from './catalog.ts';
import { MalformedRequestError, ProblemError, ValidationFailedError } from './errors.ts';

const CHALLENGE = 'Bearer realm="api"';
const TOO_MANY_REQUESTS = 429;

/** Errors become problems here, wherever they are thrown, and by whomever. */
export function createErrorHandler(log: Logger, limiter: Limiter): ErrorRequestHandler {
  /** What was refused before its route could count it, by a body parser for example, counts too. */
  async function problemOf(error: unknown, req: Request, res: Response): Promise<ProblemError> {
    const problem = toProblem(error);
    if (problem.status < 500) {
      await limiter.count(req, res);
    }
    return problem;
  }

  return async (error: unknown, req, res, next) => {
    if (res.headersSent) {
      log.error(exceptionFields(error), 'the reply could not be finished');
      next(error); // Express ends the connection
      return;
    }
    const problem = await problemOf(error, req, res).catch(toProblem);
    if (problem.status >= 500) {
      log.error(exceptionFields(error), 'the request could not be served');
    }
    sendProblem(res, problem);
  };
}

/** The members that http-errors gives to an error; Express and most of its middleware do likewise. */
interface HttpError {
  readonly status: number;
  readonly expose?: boolean;
  readonly message: string;
  readonly headers?: Readonly<Record<string, string>>;
}

function toProblem(error: unknown): ProblemError {
  if (error instanceof ProblemError) {
    return error;
  }
  if (error instanceof URIError) {
    return new MalformedRequestError('The path has a bad percent-encoding.');
  }
  return isHttpError(error)
    ? fromHttpError(error)
    : new ProblemError(500, 'The service has failed; its log says why.');
}

function isHttpError(error: unknown): error is HttpError {
  const { status } = (error ?? {}) as Partial<HttpError>;
  return Number.isInteger(status) && Number(status) >= 400 && Number(status) < 600;
}

function fromHttpError({ status, expose, message, headers = {} }: HttpError): ProblemError {
  const detail = expose === true && message !== '' ? message : `${titleOf(status)}.`;
  switch (status) {
    case 400:
      return new ProblemError('malformed-request', detail, { headers });
    case 403:
      return new ProblemError('insufficient-scope', detail, {
        headers: { ...headers, 'WWW-Authenticate': `${CHALLENGE}, error="insufficient_scope"` },
      });
    case 415:
      return new ProblemError(status, detail, { headers: { Accept: JSON_TYPE, ...headers } });
    case 422:
      return new ValidationFailedError([{ place: '#', code: 'invalid_value' }]);
    case TOO_MANY_REQUESTS:
      return new ProblemError('rate-limited', detail, {
        headers: { 'Retry-After': '1', ...headers },
      });
    default:
      return new ProblemError(status as ProblemStatus, detail, { headers });
  }
}

/** An error of other code may have a status that the contract has no use for. */
function titleOf(status: number): string {
  return (TITLES as Record<number, string>)[status] ?? STATUS_CODES[status] ?? 'Error';
}

function sendProblem(res: Response, { problem, status, message, headers, members }: ProblemError) {
  const context = currentRequest();
  if (status === 401) {
    res.setHeader('WWW-Authenticate', CHALLENGE);
  } else if (status === 503) {
    res.setHeader('Retry-After', '1');
  }
  const document = {
    type: typeof problem === 'string' ? `/problems/${problem}` : 'about:blank',
    title: titleOf(status),
    status,
    detail: message,
    instance: `urn:uuid:${context?.requestId ?? ''}`,
    trace_id: context?.traceId ?? '',
    ...members,
  };
  sendBody(res, status, JSON.stringify(document), {
    'Content-Type': 'application/problem+json',
    'Cache-Control': 'no-store',
    ...headers,
  });
}
