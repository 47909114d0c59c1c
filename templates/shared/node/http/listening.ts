/** Node.js' HTTP server with limits on what clients may keep it waiting for, and an orderly end. */
import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import { isIPv6, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';

import type { Config } from '../config/config.ts';

const CHECK_MS = 250;
const SWEEP_MS = 50;
const BAD_REQUEST = '400 Bad Request';
const BAD_VERSION = '505 HTTP Version Not Supported';
// RFC 9110 §7.2 and RFC 3986 §3.2.2: an address of IPv6, or a name (or address of IPv4), and a port.
const HOST = /^(?:\[([\da-f:.]+)\]|(?:[\w.~!$&'()*+,;=-]|%[\da-f]{2})*)(?::(\d{0,5}))?$/i;
const MAX_PORT = 65_535;

export function createHttpServer(
  config: Pick<Config, 'keepAliveTimeoutMs' | 'requestTimeoutMs'>,
  listener: RequestListener,
) {
  // Connections on which no request has come yet; Node.js does not take them for idle.
  const silent = new Set<Socket>();
  // Connections of which nobody can tell where the next request begins.
  const unclear = new WeakSet<Socket>();
  let isClosing = false;

  const serve: RequestListener = (req, res) => {
    silent.delete(req.socket);
    if (unclear.has(req.socket)) {
      return;
    }
    const refusal = refusalOf(req);
    if (refusal !== undefined) {
      refuse(refusal, req.socket);
      return;
    }
    if (req.httpVersion === '1.0' && req.headers['transfer-encoding'] !== undefined) {
      unclear.add(req.socket); // RFC 9112 §6.1
      res.shouldKeepAlive = false;
    }
    if (isClosing) {
      res.shouldKeepAlive = false;
    }
    listener(req, res);
  };
  const server = createServer(
    {
      // Total times, not times between two bytes: a trickle does not help.
      headersTimeout: config.requestTimeoutMs,
      requestTimeout: config.requestTimeoutMs,
      connectionsCheckingInterval: Math.min(CHECK_MS, config.requestTimeoutMs),
      keepAliveTimeout: config.keepAliveTimeoutMs,
    },
    serve,
  );
  server.on('checkContinue', (req: IncomingMessage, res) => {
    // Our body reader says "continue" once nothing else is wrong with the request; others just read.
    req.once('resume', () => {
      if (!res.headersSent) {
        res.writeContinue();
      }
    });
    serve(req, res);
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    if (!socket.writable || error.code === 'ERR_HTTP_REQUEST_TIMEOUT') {
      socket.destroy();
    } else {
      refuse(REFUSALS[error.code ?? ''] ?? BAD_REQUEST, socket);
    }
  });
  server.on('connection', (socket) => {
    silent.add(socket);
    socket.once('close', () => silent.delete(socket));
  });

  /** A connection that was kept alive becomes idle when its request has been answered. */
  function closeIdle(): void {
    server.closeIdleConnections();
    for (const socket of silent) {
      if (socket.bytesRead === 0) {
        socket.destroy();
      }
    }
  }

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

    /** Takes no new connections and ends what is idle; true when all requests have been answered. */
    async closeWithin(milliseconds: number): Promise<boolean> {
      isClosing = true;
      const closed = new Promise<boolean>((resolve) => {
        server.close(() => {
          resolve(true);
        });
      });
      const late = new Promise<boolean>((resolve) => {
        setTimeout(resolve, milliseconds, false).unref();
      });
      closeIdle();
      const sweep = setInterval(closeIdle, SWEEP_MS);
      const isDone = await Promise.race([closed, late]);
      clearInterval(sweep);
      // A connection that breaks is not counted any more before its request hears of it, and is logged.
      await sleep(0);
      return isDone;
    },
  };
}

const REFUSALS: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  HPE_INVALID_VERSION: BAD_VERSION,
};

/**
 * What Node.js lets pass. It takes a request line without a version for HTTP/0.9, which has no headers;
 * it looks neither at the URL, for which frameworks send pages of their own, nor at the host.
 */
function refusalOf(req: IncomingMessage): string | undefined {
  const { headers, httpVersion, rawHeaders, url = '' } = req;
  if (httpVersion !== '1.1' && httpVersion !== '1.0') {
    return req.httpVersionMajor === 0 ? BAD_REQUEST : BAD_VERSION;
  }
  const isAnyRepeated = rawHeaders.length > 2 * Object.keys(headers).length;
  const isReadable =
    (url.startsWith('/') || url === '*' || URL.canParse(url)) &&
    isHost(headers.host ?? '') &&
    !(isAnyRepeated && (req.headersDistinct['host']?.length ?? 0) > 1);
  return isReadable ? undefined : BAD_REQUEST;
}

function isHost(text: string): boolean {
  const [match, address, port] = HOST.exec(text) ?? [];
  return (
    match !== undefined &&
    (address === undefined || isIPv6(address)) &&
    Number(port ?? 0) <= MAX_PORT
  );
}

/** What is no request never comes to the application. */
function refuse(status: string, socket: Duplex): void {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}
