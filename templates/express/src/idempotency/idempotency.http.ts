/** The Idempotency-Key of a request, and how a reply that was kept is sent. */
import { hash } from 'node:crypto';

import type { Request, Response } from 'express';

import type { User } from '../auth/user.repository.ts';
import { JSON_TYPE, sendBody } from '../http/replies.ts';
import { MalformedRequestError } from '../problems/errors.ts';
import type { OnceReply, RequestKey } from './idempotency.service.ts';

const KEY = /^[\x21\x23-\x5B\x5D-\x7E]{1,128}$/;

/** Undefined where none was sent. `bytes` are the body: another one needs another key. */
export function requestKey(
  req: Request<Record<string, string>>,
  user: Pick<User, 'id'>,
  bytes: Buffer,
): RequestKey | undefined {
  const header = req.get('idempotency-key');
  if (header === undefined) {
    return undefined;
  }
  return {
    user_id: user.id,
    method: req.method,
    path: req.baseUrl + req.path,
    idempotency_key: parseKey(header),
    body_hash: hash('sha256', bytes),
  };
}

export function sendOnce(res: Response, { status, location, body, isReplay }: OnceReply): void {
  sendBody(res, status, body, {
    'Content-Type': JSON_TYPE,
    ...(location !== undefined && { Location: location }),
    ...(isReplay && { 'Idempotency-Replayed': 'true' }),
  });
}

/** Quoted (the draft's sf-string) or bare. */
function parseKey(header: string): string {
  const key = /^"(.*)"$/.exec(header)?.[1] ?? header;
  if (!KEY.test(key)) {
    throw new MalformedRequestError('The Idempotency-Key is not 1 to 128 visible characters.');
  }
  return key;
}
