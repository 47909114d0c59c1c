import { createLog } from '../../src/observability/log.ts';
import type { Line } from './service.ts';

/** A log, and what was written to it, parsed. */
export function createTestLog() {
  const lines: Line[] = [];
  const log = createLog(
    {
      appEnv: 'test',
      logFormat: 'json',
      logLevel: 'debug',
      serviceName: 'test',
      serviceVersion: '1',
    },
    { write: (line) => lines.push(JSON.parse(line) as Line) },
  );
  return { log, lines };
}
