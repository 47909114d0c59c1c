/** A caller of the service. */
import { ADMIN, newAddress, type TestService, unique } from './service.ts';

export const PASSWORD = 'a long enough passphrase';

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The body as JSON; empty where there is none. */
  readonly body: Record<string, unknown>;
}

export interface Caller {
  readonly id: string;
  readonly email: string;
  readonly accessToken: string;
  readonly refreshToken: string;
  readonly request: Api['request'];
}

interface RequestOptions {
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
}

export interface Api {
  request: (method: string, path: string, options?: RequestOptions) => Promise<Reply>;
  /** A new account that has logged in. */
  user: () => Promise<Caller>;
  admin: () => Promise<Caller>;
  login: (email: string, password: string) => Promise<Caller>;
}

export function createApi({ url }: Pick<TestService, 'url'>): Api {
  const from = { 'X-Forwarded-For': newAddress() };
  const api: Api = {
    async request(method, path, { body, headers = {} } = {}) {
      // A string is sent as it is, in whatever form.
      const isJson = body !== undefined && typeof body !== 'string';
      const reply = await fetch(url + path, {
        method,
        headers: { ...from, ...(isJson && { 'Content-Type': 'application/json' }), ...headers },
        body: isJson ? JSON.stringify(body) : (body ?? null),
      });
      const text = await reply.text();
      const holdsJson = reply.headers.get('content-type')?.includes('json') === true && text !== '';
      return {
        status: reply.status,
        headers: reply.headers,
        text,
        body: holdsJson ? (JSON.parse(text) as Record<string, unknown>) : {},
      };
    },

    async user() {
      const email = `ada.${unique()}@example.com`;
      const registration = { email, password: PASSWORD, display_name: 'Ada' };
      await api.request('POST', '/v1/auth/register', { body: registration });
      return api.login(email, PASSWORD);
    },

    admin: () => api.login(ADMIN.email, ADMIN.password),

    async login(email, password) {
      const { body } = await api.request('POST', '/v1/auth/login', { body: { email, password } });
      const accessToken = String(body['access_token']);
      const request: Api['request'] = (method, path, options = {}) =>
        api.request(method, path, {
          ...options,
          headers: { Authorization: `Bearer ${accessToken}`, ...options.headers },
        });
      const me = await request('GET', '/v1/me');
      return {
        id: String(me.body['id']),
        email,
        accessToken,
        refreshToken: String(body['refresh_token']),
        request,
      };
    },
  };
  return api;
}

/** The faults of a 422, as place and code. */
export function faultsOf(reply: Reply): string[] {
  const errors = reply.body['errors'] as { pointer?: string; parameter?: string; code: string }[];
  return errors.map(({ pointer, parameter, code }) => `${pointer ?? parameter ?? ''} ${code}`);
}
