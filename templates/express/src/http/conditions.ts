/** Conditional requests (RFC 9110 §13). */
import type { Request } from 'express';

// The members of a list that can be read; the others are ignored.
const ENTITY_TAGS = /(?<=(?:^|,)\s*)(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"(?=\s*(?:,|$))/g;
const VERSION_TAG = /^"([1-9][0-9]{0,15})"$/;

export function versionTag(version: number): string {
  return `"${version}"`;
}

/** What If-Match asks for; undefined where any will do. Weak tags never match (§13.1.1). */
export function expectedVersions(req: Request): ReadonlySet<number> | undefined {
  const header = req.headers['if-match'];
  if (header === undefined || header.trim() === '*') {
    return undefined;
  }
  const versions = tagsOf(header).map((tag) => Number(VERSION_TAG.exec(tag)?.[1]));
  return new Set(versions);
}

/** Whether If-None-Match names what would be sent. Weak tags match too (§13.1.2). */
export function isCurrent(req: Request, etag: string): boolean {
  const header = req.headers['if-none-match'];
  if (header === undefined) {
    return false;
  }
  return header.trim() === '*' || tagsOf(header).some((tag) => tag.replace('W/', '') === etag);
}

function tagsOf(header: string): string[] {
  return header.match(ENTITY_TAGS) ?? [];
}
