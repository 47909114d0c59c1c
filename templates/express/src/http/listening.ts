/** Node.js' HTTP server with limits on what clients may keep it waiting for, and an orderly end. */
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

import type { Config } from '../config/config.ts';

// Longer than a load balancer's: it has to be the one that closes, or else a request can meet a
// connection that is just being closed.
const KEEP_ALIVE_MS = 65_000;
const CHECK_MS = 250;
const SWEEP_MS = 50;

export function createHttpServer(
  config: Pick<Config, 'requestTimeoutMs'>,
  listener: RequestListener,
): Server {
  const server = createServer(
    {
      // Total times, not times between two bytes: a trickle does not help.
      headersTimeout: config.requestTimeoutMs,
      requestTimeout: config.requestTimeoutMs,
      connectionsCheckingInterval: Math.min(CHECK_MS, config.requestTimeoutMs),
      keepAliveTimeout: KEEP_ALIVE_MS,
    },
    listener,
  );
  // The body reader says "continue", once nothing else is wrong with the request.
  server.on('checkContinue', listener);
  server.on('clientError', refuse);
  return server;
}

/** What is no request never comes to the application. */
function refuse(error: NodeJS.ErrnoException, socket: Socket): void {
  if (!socket.writable || error.code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    socket.destroy();
    return;
  }
  const status =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? '431 Request Header Fields Too Large'
      : '400 Bad Request';
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}

export async function listen(server: Server, host: string, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  return (server.address() as AddressInfo).port;
}

/** Takes no new connections and ends the idle ones; true when all requests have been answered. */
export async function closeWithin(milliseconds: number, server: Server): Promise<boolean> {
  const closed = new Promise<boolean>((resolve) => {
    server.close(() => {
      resolve(true);
    });
  });
  // A connection that was kept alive becomes idle when its request has been answered.
  const sweep = setInterval(() => {
    server.closeIdleConnections();
  }, SWEEP_MS);
  const late = new Promise<boolean>((resolve) => {
    setTimeout(resolve, milliseconds, false).unref();
  });
  try {
    return await Promise.race([closed, late]);
  } finally {
    clearInterval(sweep);
  }
}
