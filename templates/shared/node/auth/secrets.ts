/** Secrets that the service hands out: refresh tokens and API keys, 256 random bits each. */
import { hash, randomBytes, timingSafeEqual } from 'node:crypto';

const API_KEY =
  /^key_([0-9a-f]{8})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{12})_[\w-]{43}$/;

export function newSecret(): string {
  return randomBytes(32).toString('base64url');
}

export function newApiKey(id: string): string {
  return `key_${id.replaceAll('-', '')}_${newSecret()}`;
}

export function idOfApiKey(key: string): string | undefined {
  return API_KEY.exec(key)?.slice(1).join('-');
}

/** What is stored: with this much chance in it, a plain hash cannot be turned back. */
export function hashSecret(secret: string): string {
  return hash('sha256', secret);
}

/** Compares in a time that tells nothing. */
export function isSameSecret(a: string, b: string): boolean {
  return timingSafeEqual(Buffer.from(hashSecret(a)), Buffer.from(hashSecret(b)));
}
