import { PAGE_PARAMETERS } from '../http/query.ts';
import {
  boolean,
  choice,
  type Field,
  futureTime,
  list,
  nullable,
  object,
  optional,
  refine,
  text,
  UNSTORABLE,
} from '../http/schema.ts';
import commonPasswords from './common-passwords.json' with { type: 'json' };
import { EMAIL, normaliseEmail } from './emails.ts';
import { SCOPES } from './roles.ts';

const MAX_PASSWORD = 128;
// Those of leaked lists that are long enough to be tried, in lower case.
const COMMON_PASSWORDS: ReadonlySet<string> = new Set(commonPasswords);

/** One that exists: nothing is asked of it but that it can be compared. Blanks count. */
function password(minimum = 1): Field<string> {
  return text({ minimum, maximum: MAX_PASSWORD, refused: UNSTORABLE });
}

function newPassword(minimum: number): Field<string> {
  return refine(password(minimum), (value) =>
    isCommonPassword(value) ? 'blocked_password' : undefined,
  );
}

function isCommonPassword(value: string): boolean {
  return COMMON_PASSWORDS.has(value.toLowerCase());
}

export const credentialsSchema = object({ email: text({ maximum: 254 }), password: password() });
export const refreshSchema = object({ refresh_token: text({ maximum: 512 }) });
export const logoutSchema = object({ all: optional(boolean(), false) });
export const userPatchSchema = object({
  display_name: optional(text({ maximum: 100 })),
});
export const apiKeyQuerySchema = object(PAGE_PARAMETERS);
export const apiKeySchema = object({
  name: text({ maximum: 100 }),
  scopes: list(choice(SCOPES)),
  expires_at: optional(nullable(futureTime()), null),
});

export function registrationSchema(passwordMinLength: number) {
  return object(
    {
      email: text({ minimum: 3, maximum: 254, pattern: EMAIL }),
      password: newPassword(passwordMinLength),
      display_name: text({ maximum: 100 }),
    },
    ({ email, password: chosen }) =>
      email !== undefined &&
      chosen !== undefined &&
      normaliseEmail(email) === normaliseEmail(chosen)
        ? { password: 'blocked_password' }
        : {},
  );
}

export function passwordChangeSchema(passwordMinLength: number) {
  return object({
    current_password: password(),
    new_password: newPassword(passwordMinLength),
  });
}
