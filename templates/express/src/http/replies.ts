import type { Request, Response } from 'express';

export const JSON_TYPE = 'application/json';

type Headers = Readonly<Record<string, string>>;

/** How long a client may read a reply before a connection with an unread body is cut. */
const LINGER_MS = 1000;

/** Compact JSON in the order of its members: the same bytes in every service of a fleet. */
export function sendJson(res: Response, status: number, data: unknown, headers?: Headers): void {
  sendBody(res, status, JSON.stringify(data), { 'Content-Type': JSON_TYPE, ...headers });
}

export function sendEmpty(res: Response, status = 204, headers?: Headers): void {
  closeIfBodyIsUnread(res);
  res.writeHead(status, headers).end();
}

/** Express' own `res.send` would add a charset and an ETag. */
export function sendBody(
  res: Response,
  status: number,
  body: string | Buffer,
  headers: Headers,
): void {
  closeIfBodyIsUnread(res);
  res.writeHead(status, { 'Content-Length': Buffer.byteLength(body), ...headers }).end(body);
}

/**
 * Node.js would either read the rest of the body, however long, or cut the connection at once, which
 * can take the reply away from a client that is still sending. So our side is closed, nothing more is
 * read, and the connection is cut a little later.
 */
function closeIfBodyIsUnread(res: Response): void {
  const { req } = res;
  if (req.complete || !hasBody(req)) {
    return;
  }
  res.setHeader('Connection', 'close');
  req.read(0); // counts as having been read, so that Node.js does not do so
  req.pause();
  const { socket } = req;
  socket.destroySoon = () => {
    socket.end();
    setTimeout(() => socket.destroy(), LINGER_MS).unref();
  };
}

function hasBody(req: Request): boolean {
  const length = req.headers['content-length'];
  return req.headers['transfer-encoding'] !== undefined || (length ?? '0') !== '0';
}
