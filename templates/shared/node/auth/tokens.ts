/** Access tokens: signed JWTs (RFC 9068), and the key set that verifies them. */
import { createPublicKey, type KeyObject, randomUUID } from 'node:crypto';

import {
  calculateJwkThumbprint,
  errors,
  exportJWK,
  type JWK,
  type JWTVerifyOptions,
  jwtVerify,
  SignJWT,
} from 'jose';

import type { AuthConfig } from '../config/config.ts';
import { isUuid } from '../http/schema.ts';
import { type Role, scopesOf } from './roles.ts';

// Never read from a token (RFC 8725 §3.1).
const ALGORITHM = 'RS256';
const TYPE = 'at+jwt';
const LEEWAY_SECONDS = 5;
// Base64url without padding (RFC 7515 §2), which decoders do not insist on.
const FORM = /^[\w-]+\.[\w-]+\.[\w-]+$/;
// The longest life that the settings allow; a token that claims more is not one of ours.
const MAX_LIFE_SECONDS = 86_400;

export interface AccessToken {
  readonly sessionId: string;
  readonly userId: string;
  readonly scopes: readonly string[];
}

export type Tokens = Awaited<ReturnType<typeof createTokens>>;

export async function createTokens(config: AuthConfig) {
  const { audience, issuer, privateKey, accessTtlSeconds } = config;
  const keys = new Map<string, KeyObject>();
  const jwks: JWK[] = [];
  // The one that signs comes first.
  for (const key of [createPublicKey(privateKey), ...config.previousPublicKeys]) {
    const jwk = await exportJWK(key);
    const kid = await calculateJwkThumbprint(jwk);
    keys.set(kid, key);
    const { kty, n, e } = jwk as { kty: 'RSA'; n: string; e: string };
    jwks.push({ kty, use: 'sig', alg: ALGORITHM, kid, n, e });
  }
  const signingKid = jwks[0]?.kid ?? '';
  const verifyOptions: JWTVerifyOptions = {
    algorithms: [ALGORITHM],
    audience,
    issuer,
    typ: TYPE,
    clockTolerance: LEEWAY_SECONDS,
    requiredClaims: ['exp', 'iat', 'sub', 'sid'],
  };

  return {
    /** The public keys (RFC 7517). */
    keySet: { keys: jwks },

    issue(userId: string, sessionId: string, role: Role): Promise<string> {
      const issuedAt = Math.floor(Date.now() / 1000);
      return new SignJWT({
        client_id: audience,
        sid: sessionId,
        scope: scopesOf(role).join(' '),
        roles: [role],
      })
        .setProtectedHeader({ alg: ALGORITHM, typ: TYPE, kid: signingKid })
        .setIssuer(issuer)
        .setAudience(audience)
        .setSubject(userId)
        .setIssuedAt(issuedAt)
        .setExpirationTime(issuedAt + accessTtlSeconds)
        .setJti(randomUUID())
        .sign(privateKey);
    },

    /** Undefined where the token is not a good one of ours. */
    async read(text: string): Promise<AccessToken | undefined> {
      if (!FORM.test(text)) {
        return undefined;
      }
      try {
        // Only keys of our own: what a token says of keys (jwk, jku, x5u) is not looked at.
        const { payload } = await jwtVerify(
          text,
          ({ kid }) => {
            const key = typeof kid === 'string' ? keys.get(kid) : undefined;
            if (!key) {
              throw new errors.JWSInvalid('the key is not one of ours');
            }
            return key;
          },
          verifyOptions,
        );
        return toAccessToken(payload);
      } catch (error) {
        if (error instanceof errors.JOSEError) {
          return undefined;
        }
        throw error;
      }
    },
  };
}

/** Claims are checked for their types, too: what is signed need not be what its type says. */
function toAccessToken({ exp, iat, scope, sid, sub }: Record<string, unknown>) {
  const latest = Date.now() / 1000 + LEEWAY_SECONDS;
  const isPlausible =
    Number.isInteger(exp) &&
    Number(exp) <= latest + MAX_LIFE_SECONDS &&
    typeof iat === 'number' &&
    iat <= latest;
  if (!isPlausible || !isUuid(sid) || !isUuid(sub)) {
    return undefined;
  }
  const scopes = typeof scope === 'string' ? scope.split(' ') : [];
  return { sessionId: sid, userId: sub, scopes };
}
