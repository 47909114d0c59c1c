/** Where the service starts. */
import cluster from 'node:cluster';

import { supervise } from './cluster.ts';
import { loadConfigOrExit } from './config/load-or-exit.ts';
import { createLog, exceptionFields, flushLog } from './observability/log.ts';
import { work } from './worker.ts';

const config = loadConfigOrExit();
const log = createLog(config);

if (cluster.isPrimary) {
  for (const warning of config.warnings) {
    log.warn(warning);
  }
}
if (cluster.isPrimary && config.webConcurrency > 1) {
  supervise(config, log);
} else {
  try {
    await work(config, log);
  } catch (error) {
    log.fatal(exceptionFields(error), 'the service could not start');
    await flushLog();
    process.exit(1);
  }
}
