import { type DestinationStream, type Logger, pino } from 'pino';

import type { Config } from '../config/config.ts';
import { currentRequest } from './context.ts';

export type { Logger };

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
    destination ?? (config.logFormat === 'pretty' ? prettyDestination : pino.destination(1)),
  );
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

/** Text for people, in development. */
const prettyDestination: DestinationStream = {
  write(line) {
    const { timestamp, level, message, ...fields } = JSON.parse(line) as Record<string, unknown>;
    const shown = Object.entries(fields)
      .filter(([name]) => !/^(service|deployment|trace_id|span_id|exception.stack)/.test(name))
      .map(([name, value]) => `${name}=${String(value)}`);
    const stack = fields['exception.stacktrace'];
    const text = [String(timestamp).slice(11, 23), level, message, ...shown].join(' ');
    process.stdout.write(`${text}\n${typeof stack === 'string' ? `${stack}\n` : ''}`);
  },
};
