import { type DestinationStream, type Logger, pino } from 'pino';

import type { Config } from '../config/config.ts';
import { currentRequest } from './context.ts';
import { openOutput, type Output } from './output.ts';

export type { Logger };

let output: Output | undefined;

type LogConfig = Pick<
  Config,
  'appEnv' | 'logFormat' | 'logLevel' | 'serviceName' | 'serviceVersion'
>;

/** One JSON object a line on standard output, where nothing else is written. */
export function createLog(config: LogConfig, destination?: DestinationStream): Logger {
  return pino(
    {
      level: config.logLevel,
      messageKey: 'message',
      base: {
        'service.name': config.serviceName,
        'service.version': config.serviceVersion,
        'deployment.environment.name': config.appEnv,
      },
      timestamp: () => `,"timestamp":"${new Date().toISOString()}"`,
      formatters: { level: (level) => ({ level }) },
      mixin: requestFields,
    },
    destination ?? standardOutput(config.logFormat),
  );
}

/** Before the end: what has been logged is written, if somebody reads it. */
export async function flushLog(): Promise<void> {
  await output?.flush();
}

function standardOutput(format: LogConfig['logFormat']): DestinationStream {
  const stdout = (output ??= openOutput());
  if (format === 'json') {
    return stdout;
  }
  return {
    write(line) {
      stdout.write(toText(line));
    },
  };
}

function requestFields(): Record<string, string> {
  const context = currentRequest();
  if (!context) {
    return {};
  }
  return {
    request_id: context.requestId,
    trace_id: context.traceId,
    span_id: context.spanId,
    'client.address': context.clientAddress,
    ...(context.userId && { 'user.id': context.userId }),
  };
}

export function exceptionFields(error: unknown): Record<string, string> {
  const exception = error instanceof Error ? error : new Error(String(error));
  return {
    'exception.type': exception.constructor.name,
    'exception.message': exception.message,
    'exception.stacktrace': stackOf(exception),
  };
}

function stackOf(error: Error): string {
  const stack = error.stack ?? String(error);
  return error.cause instanceof Error ? `${stack}\nCaused by: ${stackOf(error.cause)}` : stack;
}

const ACCESS_EVENT = 'http.server.request';
const NOT_SHOWN =
  /^(timestamp|level|message|service\.|deployment\.|trace_id|span_id|client\.address|exception\.|event$)/;

/** One short line for people, in development; an exception brings its stack. */
function toText(line: string): string {
  const fields = JSON.parse(line) as Record<string, string | number>;
  const start = `${String(fields['timestamp']).slice(11, 23)} ${String(fields['level']).padEnd(5)}`;
  if (fields['event'] === ACCESS_EVENT) {
    const milliseconds = Number(fields['http.server.request.duration']) * 1000;
    const request = `${fields['http.request.method'] ?? ''} ${fields['url.path'] ?? ''}`;
    return `${start} ${request} ${fields['http.response.status_code'] ?? ''} ${milliseconds.toFixed(1)} ms\n`;
  }
  const shown = Object.entries(fields)
    .filter(([name]) => !NOT_SHOWN.test(name) && name !== 'request_id')
    .map(([name, value]) => ` ${name}=${value}`);
  const stack = fields['exception.stacktrace'];
  return `${start} ${fields['message'] ?? ''}${shown.join('')}\n${stack === undefined ? '' : `${stack}\n`}`;
}
