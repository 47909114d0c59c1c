/** The service as processes: what the Procfile starts. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import type { Readable } from 'node:stream';
import { after } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { type Api, createApi } from './api.ts';
import { type Line, testVariables } from './service.ts';

export interface Program {
  readonly process: ChildProcessByStdio<null, Readable, Readable>;
  readonly output: () => string;
  /** The output, where it is JSON. */
  readonly lines: () => Line[];
  readonly errors: () => string;
  readonly ended: Promise<number | null>;
}

export interface Server extends Program {
  readonly port: number;
  readonly api: Api;
}

/** What becomes of the standard output of a program. */
type Output = 'read' | 'unread' | 'closed';

const running = new Set<Program['process']>();
after(() => {
  for (const child of running) {
    child.kill('SIGKILL');
  }
});

export function start(
  program: string,
  databaseUrl: string,
  changes: Record<string, string> = {},
  output: Output = 'read',
): Program {
  const variables = { ...testVariables(databaseUrl), ...changes };
  // Where the coverage of processes is collected.
  const coverage = process.env['NODE_V8_COVERAGE'];
  const child = spawn(process.execPath, [`src/${program}.ts`], {
    env: { ...variables, ...(coverage !== undefined && { NODE_V8_COVERAGE: coverage }) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  let written = '';
  let errors = '';
  if (output === 'read') {
    child.stdout.setEncoding('utf8').on('data', (text: string) => (written += text));
  } else if (output === 'closed') {
    child.stdout.destroy();
  }
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  const ended = once(child, output === 'unread' ? 'exit' : 'close').then(([code]) => {
    running.delete(child);
    return code as number | null;
  });
  return {
    process: child,
    output: () => written,
    lines: () => written.split('\n').slice(0, -1).map(toLine),
    errors: () => errors,
    ended,
  };
}

/** Whether it takes connections. */
export function answers(api: Api): Promise<boolean> {
  return api.request('GET', '/livez').then(
    () => true,
    () => false,
  );
}

/** A server that answers. */
export async function startServer(
  databaseUrl: string,
  changes: Record<string, string> = {},
  output?: Output,
): Promise<Server> {
  const port = await freePort();
  const program = start('server', databaseUrl, { PORT: String(port), ...changes }, output);
  const api = createApi({ url: `http://127.0.0.1:${port}` });
  while (program.process.exitCode === null && !(await answers(api))) {
    await sleep(50);
  }
  return { ...program, port, api };
}

function toLine(text: string): Line {
  return JSON.parse(text) as Line;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}
