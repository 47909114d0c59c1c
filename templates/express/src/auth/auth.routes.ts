import type { Request, Router } from 'express';

import type { AuthConfig } from '../config/config.ts';
import type { Addresses } from '../http/addresses.ts';
import type { BodyReader } from '../http/body.ts';
import { linkToNext, type PageRequest } from '../http/pagination.ts';
import { readQuery } from '../http/query.ts';
import { sendEmpty, sendJson } from '../http/replies.ts';
import { createRouter, pathId } from '../http/routing.ts';
import type { Accounts } from './account.service.ts';
import type { ApiKey } from './api-key.repository.ts';
import type { ApiKeys } from './api-key.service.ts';
import {
  apiKeyQuerySchema,
  apiKeySchema,
  credentialsSchema,
  logoutSchema,
  passwordChangeSchema,
  refreshSchema,
  registrationSchema,
  userPatchSchema,
} from './auth.schema.ts';
import { type Guard, principalOf } from './guard.ts';
import type { Sessions, TokenPair } from './session.service.ts';
import type { Tokens } from './tokens.ts';
import type { User } from './user.repository.ts';

const API_KEYS = '/v1/api-keys';
const API_KEY_SORTS = { created_at: 'timestamp' } as const;

interface AuthDependencies {
  readonly config: AuthConfig;
  readonly guard: Guard;
  readonly body: BodyReader;
  readonly addresses: Addresses;
  readonly accounts: Accounts;
  readonly sessions: Sessions;
  readonly apiKeys: ApiKeys;
  readonly tokens: Tokens;
}

export function authRoutes(dependencies: AuthDependencies): Router {
  const { config, guard, body, addresses, accounts, sessions, apiKeys, tokens } = dependencies;
  const registration = registrationSchema(config.passwordMinLength);
  const passwordChange = passwordChangeSchema(config.passwordMinLength);
  const router = createRouter();

  router
    .route('/v1/auth/register')
    .post(guard.public, async (req, res) => {
      const user = await accounts.register(await body.read(req, res, registration));
      sendJson(res, 201, toUser(user), { Location: '/v1/me' });
    })
    .all(guard.methodNotAllowed);

  router
    .route('/v1/auth/login')
    .post(guard.public, async (req, res) => {
      const login = await body.read(req, res, credentialsSchema);
      const pair = await sessions.open(login, addresses.clientAddress(req));
      sendJson(res, 200, toTokens(pair, config));
    })
    .all(guard.methodNotAllowed);

  router
    .route('/v1/auth/refresh')
    .post(guard.public, async (req, res) => {
      const { refresh_token } = await body.read(req, res, refreshSchema);
      sendJson(res, 200, toTokens(await sessions.refresh(refresh_token), config));
    })
    .all(guard.methodNotAllowed);

  router
    .route('/v1/auth/logout')
    .post(guard.tokenOnly, async (req, res) => {
      const principal = principalOf(res);
      await sessions.end(principal, await body.readOptional(req, res, logoutSchema));
      sendEmpty(res);
    })
    .all(guard.methodNotAllowed);

  router
    .route('/v1/me')
    .get(guard.allow({ scope: 'profile:read' }), (_req, res) => {
      const { user } = principalOf(res);
      sendJson(res, 200, toUser(user));
    })
    .patch(guard.tokenOnly, async (req, res) => {
      const { user } = principalOf(res);
      const changes = await body.read(req, res, userPatchSchema);
      sendJson(res, 200, toUser(await accounts.update(user, changes)));
    })
    .all(guard.methodNotAllowed);

  router
    .route('/v1/me/password')
    .post(guard.tokenOnly, async (req, res) => {
      const principal = principalOf(res);
      await accounts.changePassword(principal, await body.read(req, res, passwordChange));
      sendEmpty(res);
    })
    .all(guard.methodNotAllowed);

  router
    .route(API_KEYS)
    .get(guard.tokenOnly, async (req, res) => {
      const { user } = principalOf(res);
      const page = toPageRequest(req);
      const { items, nextCursor } = await apiKeys.list(user.id, page);
      const list = { items: items.map(toApiKey), next_cursor: nextCursor };
      sendJson(res, 200, list, linkToNext(page, nextCursor));
    })
    .post(guard.tokenOnly, async (req, res) => {
      const principal = principalOf(res);
      const creation = await body.read(req, res, apiKeySchema);
      const { record, key } = await apiKeys.create(principal, creation);
      const headers = { Location: `${API_KEYS}/${record.id}` };
      sendJson(res, 201, { ...toApiKey(record), key }, headers);
    })
    .all(guard.methodNotAllowed);

  router
    .route(`${API_KEYS}/:id`)
    .get(guard.tokenOnly, async (req, res) => {
      const { user } = principalOf(res);
      sendJson(res, 200, toApiKey(await apiKeys.get(user.id, pathId(req))));
    })
    .delete(guard.tokenOnly, async (req, res) => {
      const { user } = principalOf(res);
      await apiKeys.delete(user.id, pathId(req));
      sendEmpty(res);
    })
    .all(guard.methodNotAllowed);

  router
    .route('/.well-known/jwks.json')
    .get(guard.public, (_req, res) => {
      sendJson(res, 200, tokens.keySet, { 'Cache-Control': 'public, max-age=300' });
    })
    .all(guard.methodNotAllowed);

  return router;
}

function toPageRequest(req: Request<Record<string, string>>): PageRequest {
  const { limit, cursor } = readQuery(req, apiKeyQuerySchema);
  return { path: API_KEYS, sorts: API_KEY_SORTS, sort: '-created_at', filters: {}, limit, cursor };
}

function toUser(user: User) {
  return {
    id: user.id,
    email: user.email,
    display_name: user.display_name,
    role: user.role,
    created_at: user.created_at,
    updated_at: user.updated_at,
  };
}

function toTokens({ accessToken, refreshToken }: TokenPair, config: AuthConfig) {
  return {
    access_token: accessToken,
    token_type: 'Bearer',
    expires_in: config.accessTtlSeconds,
    refresh_token: refreshToken,
  };
}

function toApiKey({ id, name, scopes, expires_at, last_used_at, created_at }: ApiKey) {
  return { id, name, scopes: scopes.split(' '), expires_at, last_used_at, created_at };
}
