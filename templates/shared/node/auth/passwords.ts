/** How passwords are stored: Argon2id with 19 MiB, two passes, one lane, as OWASP recommends. */
import { argon2, type Argon2Parameters, randomBytes, timingSafeEqual } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { promisify } from 'node:util';

import bcrypt from 'bcrypt';

import { createSemaphore } from '../http/semaphore.ts';

const MEMORY_KIB = 19 * 1024;
const PASSES = 2;
const HASH_BYTES = 32;
// Node.js has four threads for such work; files and names of hosts need one, too.
const MOST_AT_ONCE = 3;
const PHC =
  /^\$(argon2id|argon2i)\$v=19\$m=(\d{1,7}),t=(\d{1,3}),p=(\d{1,2})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/;

const deriveKey = promisify(argon2);

interface ArgonHash extends Omit<Argon2Parameters, 'message'> {
  readonly algorithm: 'argon2id' | 'argon2i';
  readonly key: Buffer;
}

export type Passwords = ReturnType<typeof createPasswords>;

/** Each hash takes 19 MiB and a processor: more at once would only take memory. */
export function createPasswords(timeoutMs: number) {
  const places = createSemaphore(Math.min(availableParallelism(), MOST_AT_ONCE), timeoutMs);

  async function limited<T>(work: () => Promise<T>): Promise<T> {
    await places.acquire();
    try {
      return await work();
    } finally {
      places.release();
    }
  }

  const hash = (password: string) => limited(() => hashPassword(password));
  const verify = (password: string, stored: string) =>
    limited(() => verifyPassword(password, stored));
  const dummyHash = hash('a password that nobody has');

  return {
    hash,
    verify,

    /** Takes as long as checking the password of an account that exists. */
    async verifyNothing(password: string): Promise<void> {
      await verify(password, await dummyHash);
    },
  };
}

/** A PHC string, which the services of other stacks read too. */
async function hashPassword(password: string): Promise<string> {
  const nonce = randomBytes(16);
  const key = await deriveKey('argon2id', {
    message: password,
    nonce,
    memory: MEMORY_KIB,
    passes: PASSES,
    parallelism: 1,
    tagLength: HASH_BYTES,
  });
  return `$argon2id$v=19$m=${MEMORY_KIB},t=${PASSES},p=1$${base64(nonce)}$${base64(key)}`;
}

/** False where what is stored is no hash, too. */
async function verifyPassword(password: string, stored: string): Promise<boolean> {
  if (/^\$2[aby]\$/.test(stored)) {
    // Of an imported user table; it looks at 72 bytes. PHP's 2y is 2b by another name.
    return bcrypt.compare(password, stored.replace('$2y$', '$2b$'));
  }
  const hash = parse(stored);
  if (!hash) {
    return false;
  }
  const { algorithm, key, ...parameters } = hash;
  try {
    const candidate = await deriveKey(algorithm, { ...parameters, message: password });
    return timingSafeEqual(candidate, key);
  } catch {
    return false; // parameters that Argon2 does not know
  }
}

/** Weaker hashes are made again. Stronger ones, of another service of the fleet, are not. */
export function isOutdated(stored: string): boolean {
  const hash = parse(stored);
  return hash?.algorithm !== 'argon2id' || hash.memory < MEMORY_KIB || hash.passes < PASSES;
}

function parse(stored: string): ArgonHash | undefined {
  const [, algorithm, memory, passes, parallelism, nonce = '', key = ''] = PHC.exec(stored) ?? [];
  if (algorithm !== 'argon2id' && algorithm !== 'argon2i') {
    return undefined;
  }
  const expected = Buffer.from(key, 'base64');
  return {
    algorithm,
    memory: Number(memory),
    passes: Number(passes),
    parallelism: Number(parallelism),
    nonce: Buffer.from(nonce, 'base64'),
    tagLength: expected.length,
    key: expected,
  };
}

function base64(bytes: Buffer): string {
  return bytes.toString('base64').replaceAll('=', '');
}
