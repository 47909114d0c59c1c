import type { ErrorRequestHandler, Response } from 'express';

import { sendBody } from '../http/replies.ts';
import { currentRequest } from '../observability/context.ts';
import { exceptionFields, type Logger } from '../observability/log.ts';
import { TITLES } from './catalog.ts';
import { MalformedRequestError, ProblemError } from './errors.ts';

const CHALLENGE = 'Bearer realm="api"';

/** Errors become problems here, wherever they are thrown. */
export function createErrorHandler(log: Logger): ErrorRequestHandler {
  return (error: unknown, _req, res, next) => {
    const problem = toProblem(error);
    if (problem.status >= 500) {
      log.error(exceptionFields(error), 'the request could not be served');
    }
    if (res.headersSent) {
      next(error); // Express ends the connection
    } else {
      sendProblem(res, problem);
    }
  };
}

function toProblem(error: unknown): ProblemError {
  if (error instanceof ProblemError) {
    return error;
  }
  if (error instanceof URIError) {
    return new MalformedRequestError('The path has a bad percent-encoding.');
  }
  return new ProblemError(500, 'The service has failed; its log says why.');
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
    title: TITLES[status],
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
