/** Node.js' HTTP server with limits on what clients may keep it waiting for, and an orderly end. */
import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

import type { Config } from '../config/config.ts';

// Longer than a load balancer's: it has to be the one that closes, or else a request can meet a
// connection that is just being closed.
const KEEP_ALIVE_MS = 65_000;
const CHECK_MS = 250;
const SWEEP_MS = 50;

export function createHttpServer(
  config: Pick<Config, 'requestTimeoutMs'>,
  listener: RequestListener,
) {
  // Connections on which no request has come yet; Node.js does not take them for idle.
  const silent = new Set<Socket>();

  const serve: RequestListener = (req, res) => {
    silent.delete(req.socket);
    if (isReadable(req)) {
      listener(req, res);
    } else {
      refuse(new Error('the request line cannot be read'), req.socket);
    }
  };
  const server = createServer(
    {
      // Total times, not times between two bytes: a trickle does not help.
      headersTimeout: config.requestTimeoutMs,
      requestTimeout: config.requestTimeoutMs,
      connectionsCheckingInterval: Math.min(CHECK_MS, config.requestTimeoutMs),
      keepAliveTimeout: KEEP_ALIVE_MS,
    },
    serve,
  );
  // The body reader says "continue", once nothing else is wrong with the request.
  server.on('checkContinue', serve);
  server.on('clientError', refuse);
  server.on('connection', (socket) => {
    silent.add(socket);
    socket.once('close', () => silent.delete(socket));
  });

  return {
    listen(host: string, port: number): Promise<void> {
      return new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen(port, host, resolve);
      });
    },

    get port(): number {
      const address = server.address();
      return typeof address === 'object' ? (address?.port ?? 0) : 0;
    },

    /** Takes no new requests and ends what is idle; true when all requests have been answered. */
    async closeWithin(milliseconds: number): Promise<boolean> {
      const closed = new Promise<boolean>((resolve) => {
        server.close(() => {
          resolve(true);
        });
      });
      const late = new Promise<boolean>((resolve) => {
        setTimeout(resolve, milliseconds, false).unref();
      });
      for (const socket of silent) {
        socket.destroy();
      }
      // A connection that was kept alive becomes idle when its request has been answered.
      const sweep = setInterval(() => {
        server.closeIdleConnections();
      }, SWEEP_MS);
      const isDone = await Promise.race([closed, late]);
      clearInterval(sweep);
      // A connection that breaks is not counted any more before its request hears of it, and is logged.
      await sleep(0);
      return isDone;
    },
  };
}

/**
 * Node.js takes a request line without a version for HTTP/0.9, which has no headers, and looks at no
 * URL; Express has a page of its own for one that it cannot read.
 */
function isReadable({ httpVersionMajor, url = '' }: IncomingMessage): boolean {
  return httpVersionMajor > 0 && (url.startsWith('/') || url === '*' || URL.canParse(url));
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
