import type { Config } from './config.ts';

/** The addresses to open after the start, in development. */
export function startMessage({ docsEnabled, host, logLevel, port }: Config): string {
  const name = host === '0.0.0.0' || host === '::' ? 'localhost' : host;
  const address = `http://${name.includes(':') ? `[${name}]` : name}:${port}`;
  const docs = docsEnabled ? `${address}/docs` : 'off';
  return `the service accepts requests at ${address} (documentation: ${docs}, log level: ${logLevel})`;
}
