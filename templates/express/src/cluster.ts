/**
 * Several processes on one port, by Node.js' own cluster module: it needs no other program, shares the
 * listening socket and passes messages, and containers need nothing else. The first process serves
 * nothing; it starts the others, replaces those that die, stops them, and adds up their metrics.
 */
import cluster, { type Worker } from 'node:cluster';
import { once } from 'node:events';

import { AggregatorRegistry, type Registry } from 'prom-client';

import type { Config } from './config/config.ts';
import { startMessage } from './config/start-message.ts';
import { within } from './http/deadline.ts';
import { exceptionFields, flushLog, type Logger } from './observability/log.ts';

const METRICS = 'metrics';
const METRICS_DEADLINE_MS = 6000; // a little more than the library's own

interface MetricsMessage {
  readonly type: typeof METRICS;
  readonly text?: string;
}

export function supervise(config: Config, log: Logger): void {
  const aggregator = new AggregatorRegistry();
  let isStopping = false;
  let exitCode = 0;
  let listening = 0;

  async function sendMetrics(worker: Worker): Promise<void> {
    try {
      worker.send({ type: METRICS, text: await aggregator.clusterMetrics() });
    } catch (error) {
      log.error(exceptionFields(error), 'the metrics of the processes could not be collected');
    }
  }

  cluster.on('message', (worker: Worker, message: Partial<MetricsMessage>) => {
    if (message.type === METRICS) {
      void sendMetrics(worker);
    }
  });
  cluster.on('listening', () => {
    listening++;
    if (listening === config.webConcurrency) {
      log.info({ event: 'sys_startup' }, startMessage(config));
    }
  });
  cluster.on('exit', (_worker, code: number | null, signal: NodeJS.Signals | null) => {
    if (isStopping || listening === 0) {
      // A process that cannot even start would not be helped by another attempt; one that was told to
      // stop before it could listen to signals has done as it was told.
      exitCode ||= code ?? (signal === 'SIGTERM' ? 0 : 1);
      stop();
    } else {
      log.error('a process has died; another takes its place');
      cluster.fork();
    }
    if (Object.keys(cluster.workers ?? {}).length === 0) {
      void flushLog().finally(() => process.exit(exitCode));
    }
  });

  const stop = () => {
    if (!isStopping) {
      isStopping = true;
      log.info({ event: 'sys_shutdown' }, 'the service was asked to stop');
    }
    for (const worker of Object.values(cluster.workers ?? {})) {
      worker?.process.kill('SIGTERM');
    }
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);

  for (let started = 0; started < config.webConcurrency; started++) {
    cluster.fork();
  }
}

/** Called once by a process that serves. */
export function shareMetrics(registry: Registry): () => Promise<string> {
  new AggregatorRegistry(); // answers when it is asked for its own part
  AggregatorRegistry.setRegistries(registry);
  const receive = async () => {
    for (;;) {
      const [message] = (await once(process, 'message')) as [Partial<MetricsMessage>];
      if (message.type === METRICS && message.text !== undefined) {
        return message.text;
      }
    }
  };
  return () => {
    process.send?.({ type: METRICS });
    return within(METRICS_DEADLINE_MS, receive());
  };
}
