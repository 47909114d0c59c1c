import type { Request, Response } from 'express';

import {
  ContentTooLargeError,
  MalformedRequestError,
  UnsupportedMediaTypeError,
} from '../problems/errors.ts';
import { JSON_TYPE } from './replies.ts';
import { check, type ObjectField } from './schema.ts';

const MERGE_PATCH_TYPE = 'application/merge-patch+json';

/** A strict reader: JSON as RFC 8259 has it, in UTF-8, of a media type that is taken. */
export type BodyReader = ReturnType<typeof createBodyReader>;

export function createBodyReader(maxBytes: number) {
  return {
    async read<T>(req: Request, res: Response, schema: ObjectField<T>): Promise<T> {
      const { value } = await this.readWithBytes(req, res, schema);
      return value;
    },

    /** For operations whose body may be left out; what is not there has no media type to look at. */
    async readOptional<T>(req: Request, res: Response, schema: ObjectField<T>): Promise<T> {
      const bytes = await readBytes(req, res, maxBytes);
      if (bytes.length === 0) {
        return check(schema, {});
      }
      checkMediaType(req);
      return check(schema, parseJson(bytes));
    },

    /** The bytes beside their meaning, for a fingerprint. */
    async readWithBytes<T>(
      req: Request,
      res: Response,
      schema: ObjectField<T>,
    ): Promise<{ value: T; bytes: Buffer }> {
      checkMediaType(req);
      const bytes = await readBytes(req, res, maxBytes);
      return { value: check(schema, parseJson(bytes)), bytes };
    },
  };
}

/**
 * A body that is announced too large is refused before it is read; what comes without a length is read
 * no further than the limit. The time it may take is the server's affair.
 */
async function readBytes(req: Request, res: Response, maxBytes: number): Promise<Buffer> {
  if (req.readableEnded && req.body !== undefined) {
    return Buffer.from(JSON.stringify(req.body)); // express.json() was faster
  }
  if (Number(req.headers['content-length'] ?? 0) > maxBytes) {
    throw new ContentTooLargeError();
  }
  if (req.headers.expect !== undefined && req.httpVersion === '1.1') {
    res.writeContinue();
  }
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of req.iterator({ destroyOnReturn: false })) {
      size += (chunk as Buffer).length;
      if (size > maxBytes) {
        throw new ContentTooLargeError();
      }
      chunks.push(chunk as Buffer);
    }
  } catch (error) {
    throw error instanceof ContentTooLargeError
      ? error
      : new MalformedRequestError('The body ended before its end.');
  }
  return Buffer.concat(chunks);
}

function checkMediaType(req: Request): void {
  if ((req.headers['content-encoding'] ?? 'identity').toLowerCase() !== 'identity') {
    throw new UnsupportedMediaTypeError({ 'Accept-Encoding': 'identity' });
  }
  const accepted = req.method === 'PATCH' ? [JSON_TYPE, MERGE_PATCH_TYPE] : [JSON_TYPE];
  const [type = '', ...parameters] = (req.headers['content-type'] ?? '').toLowerCase().split(';');
  const charset = parameters.map((text) => text.trim()).find((text) => text.startsWith('charset='));
  const isUtf8 = charset === undefined || /^charset="?utf-8"?$/.test(charset);
  if (!accepted.includes(type.trim()) || !isUtf8) {
    throw new UnsupportedMediaTypeError({ Accept: accepted.join(', ') });
  }
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(decoder.decode(bytes));
  } catch {
    throw new MalformedRequestError('The body is no JSON text in UTF-8.');
  }
}
