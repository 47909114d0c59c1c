/** Headers that every reply has, and CORS. */
import type { Request, RequestHandler } from 'express';

import type { Addresses } from './addresses.ts';
import { sendEmpty } from './replies.ts';

const CONTENT_SECURITY_POLICY = "default-src 'none'; base-uri 'none'; frame-ancestors 'none'";
const PREFLIGHT_HEADERS = {
  'Access-Control-Allow-Methods': 'GET, HEAD, POST, PATCH, DELETE, OPTIONS',
  'Access-Control-Allow-Headers':
    'Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Traceparent, X-API-Key, X-Request-Id',
  'Access-Control-Max-Age': '600',
};
const EXPOSED_HEADERS =
  'ETag, Idempotency-Replayed, Link, Location, RateLimit, RateLimit-Policy, Retry-After, X-Request-Id';

export function createHeaders(origins: readonly string[], addresses: Addresses): RequestHandler {
  return (req, res, next) => {
    res.setHeader('X-Content-Type-Options', 'nosniff');
    res.setHeader('Referrer-Policy', 'no-referrer');
    res.setHeader('Content-Security-Policy', CONTENT_SECURITY_POLICY);
    res.setHeader('Cache-Control', 'no-store');
    if (addresses.cameByHttps(req)) {
      res.setHeader('Strict-Transport-Security', 'max-age=31536000; includeSubDomains');
    }
    if (origins.length > 0) {
      res.setHeader('Vary', 'Origin');
    }
    const { origin } = req.headers;
    if (origin === undefined || !(origins.includes(origin) || origins.includes('*'))) {
      next();
      return;
    }
    res.setHeader('Access-Control-Allow-Origin', origin);
    res.setHeader('Access-Control-Expose-Headers', EXPOSED_HEADERS);
    if (isPreflight(req)) {
      sendEmpty(res, 204, PREFLIGHT_HEADERS);
    } else {
      next();
    }
  };
}

export function isPreflight(req: Request): boolean {
  return (
    req.method === 'OPTIONS' &&
    req.headers.origin !== undefined &&
    req.headers['access-control-request-method'] !== undefined
  );
}
