/** The outermost layer: gives each request its ids, counts, measures, traces and logs it. */
import type { Request, RequestHandler, Response } from 'express';

import type { Addresses } from '../http/addresses.ts';
import { routeTemplate } from '../http/routing.ts';
import { createContext, runInRequest } from './context.ts';
import type { Logger } from './log.ts';
import type { Metrics } from './metrics.ts';
import type { Tracing } from './tracing.ts';

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'CONNECT'];
const QUIET_ROUTES = ['/livez', '/readyz', '/metrics'];
const CLIENT_CLOSED_REQUEST = 499; // as many proxies log it; nobody was there to be answered
const MAX_PATH = 2048;
const MAX_USER_AGENT = 512;

interface ObserveDependencies {
  readonly addresses: Addresses;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly tracing: Tracing | undefined;
}

export function createObserve(dependencies: ObserveDependencies): RequestHandler {
  const { addresses, log, metrics, tracing } = dependencies;

  return (req, res, next) => {
    const started = performance.now();
    const method = METHODS.includes(req.method) ? req.method : '_OTHER';
    const path = req.path;
    const context = createContext(
      req.get('x-request-id'),
      req.get('traceparent'),
      addresses.clientAddress(req),
    );
    const endSpan = tracing?.startRequest(context, method, path);
    const active = { http_request_method: method };
    metrics.httpServerActiveRequests.inc(active);
    res.setHeader('X-Request-Id', context.requestId);

    const answered = () => {
      const seconds = (performance.now() - started) / 1000;
      const status = res.headersSent ? res.statusCode : CLIENT_CLOSED_REQUEST;
      const route = routeOf(req, res);
      metrics.httpServerActiveRequests.dec(active);
      metrics.httpServerRequestDurationSeconds.observe(
        { http_request_method: method, http_route: route, http_response_status_code: status },
        seconds,
      );
      endSpan?.(route, status);
      const line = {
        event: 'http.server.request',
        'http.request.method': method,
        ...(route && { 'http.route': route }),
        'url.path': path.slice(0, MAX_PATH),
        'http.response.status_code': status,
        'http.server.request.duration': Math.round(seconds * 1e6) / 1e6,
        'user_agent.original': req.get('user-agent')?.slice(0, MAX_USER_AGENT),
      };
      log[levelOf(route, status)](line, 'request answered');
    };

    runInRequest(context, () => {
      res.once('close', () => {
        runInRequest(context, answered);
      });
      next();
    });
  };
}

/** Empty where no operation was reached: neither logs nor metrics take names from clients. */
function routeOf(req: Request, res: Response): string {
  return res.statusCode === 405 ? '' : routeTemplate(req);
}

function levelOf(route: string, status: number): 'debug' | 'info' | 'warn' | 'error' {
  if (status >= 500) {
    return 'error';
  }
  if (QUIET_ROUTES.includes(route)) {
    return 'debug';
  }
  return status === 401 || status === 403 || status === 429 ? 'warn' : 'info';
}
