import { AsyncLocalStorage } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';

import { isUuid } from '../http/schema.ts';

// Version 00 has these four fields and nothing else; later versions may append to them (W3C).
const TRACEPARENT = /^(?!ff)([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

export interface TraceParent {
  readonly traceId: string;
  readonly spanId: string;
  readonly flags: number;
}

/** Who and what the current request is, for the log, for traces and for problems. */
export interface RequestContext {
  readonly requestId: string;
  readonly clientAddress: string;
  readonly parent: TraceParent | undefined;
  traceId: string;
  spanId: string;
  userId?: string;
}

const storage = new AsyncLocalStorage<RequestContext>();

export function currentRequest(): RequestContext | undefined {
  return storage.getStore();
}

export function runInRequest(context: RequestContext, callback: () => void): void {
  storage.run(context, callback);
}

export function createContext(
  requestId: string | undefined,
  traceparent: string | undefined,
  clientAddress: string,
): RequestContext {
  const given = requestId?.toLowerCase() ?? '';
  const parent = parseTraceparent(traceparent ?? '');
  return {
    requestId: isUuid(given) ? given : randomUUID(),
    clientAddress,
    parent,
    traceId: parent?.traceId ?? randomHex(),
    spanId: randomHex().slice(16),
  };
}

/** 32 digits. Node.js keeps chance in store for UUIDs, and asks the system for it otherwise. */
function randomHex(): string {
  return randomUUID().replaceAll('-', '');
}

/** The caller's place in a trace; an invalid header counts as none. */
export function parseTraceparent(header: string): TraceParent | undefined {
  const [, version, traceId = '', spanId = '', flags = '', rest] = TRACEPARENT.exec(header) ?? [];
  if (!version || (version === '00' && rest) || /^0*$/.test(traceId) || /^0*$/.test(spanId)) {
    return undefined;
  }
  return { traceId, spanId, flags: Number.parseInt(flags, 16) };
}
