/** Where a request comes from, in spite of proxies and of clients who forge their headers. */
import type { IncomingMessage } from 'node:http';
import { type BlockList, isIP, SocketAddress } from 'node:net';

export type Addresses = ReturnType<typeof createAddresses>;

export function createAddresses(trustedProxies: BlockList | undefined) {
  const isTrusted = (address: string) =>
    trustedProxies?.check(address, address.includes(':') ? 'ipv6' : 'ipv4') === true;
  const peerOf = (req: IncomingMessage) => canonical(req.socket.remoteAddress ?? '') ?? 'unknown';

  return {
    /** The right-most address of X-Forwarded-For that is no trusted proxy, if the peer is one. */
    clientAddress(req: IncomingMessage): string {
      let address = peerOf(req);
      const forwarded = [req.headers['x-forwarded-for'] ?? []].flat().join(',').split(',');
      while (isTrusted(address) && forwarded.length > 0) {
        const candidate = canonical(withoutPort(forwarded.pop()?.trim() ?? ''));
        if (candidate === undefined) {
          break; // from here on it says nothing; the last trusted peer is what is known
        }
        address = candidate;
      }
      return address;
    },

    /** Whether a trusted proxy says so; TLS does not end here. */
    cameByHttps(req: IncomingMessage): boolean {
      return req.headers['x-forwarded-proto'] === 'https' && isTrusted(peerOf(req));
    },
  };
}

/** Some gateways write `203.0.113.5:4711` and `[2001:db8::1]:443`. */
function withoutPort(forwarded: string): string {
  const match = /^(?:\[([^\]]+)\]|(\d+\.\d+\.\d+\.\d+))(?::\d{1,5})?$/.exec(forwarded);
  return match?.[1] ?? match?.[2] ?? forwarded;
}

/** The one spelling of an address. An IPv4 client of an IPv6 socket is an IPv4 client. */
function canonical(address: string): string | undefined {
  const family = isIP(address);
  if (family !== 6) {
    return family === 4 ? address : undefined;
  }
  const spelled = new SocketAddress({ address: address.replace(/%.*$/, ''), family: 'ipv6' })
    .address;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(spelled);
  return mapped?.[1] ?? spelled;
}

/** The key by which an address is counted: one IPv6 client has a whole /64. */
export function limitKey(address: string): string {
  return address.includes(':') ? `a:${networkOf(address)}/64` : `a:${address}`;
}

function networkOf(address: string): string {
  const [head = '', tail] = address.split('::');
  const groups = head.split(':').filter(Boolean);
  const missing = 8 - groups.length - (tail?.split(':').filter(Boolean).length ?? 0);
  const all = [
    ...groups,
    ...Array<string>(tail === undefined ? 0 : missing).fill('0'),
    ...(tail?.split(':') ?? []),
  ];
  return new SocketAddress({ address: `${all.slice(0, 4).join(':')}::`, family: 'ipv6' }).address;
}
