/** What a handler lets pass, for the check at the start and for the test of the API's description. */
import type { Role, Scope } from './roles.ts';

/** What an operation asks of its caller; without a scope, it takes tokens only. */
export interface Requirement {
  readonly scope?: Scope;
  readonly role?: Role;
}

/** `other` stands for rules that are not the guard's, as of /metrics. */
export type Access = 'public' | 'other' | Requirement;

const declared = new WeakMap<object, Access>();

/** Marks a handler that decides who may call what comes after it. */
export function declareAccess<Handler extends object>(access: Access, handler: Handler): Handler {
  declared.set(handler, access);
  return handler;
}

export function accessOf(handler: object): Access | undefined {
  return declared.get(handler);
}
