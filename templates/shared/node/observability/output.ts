/**
 * Standard output. A pipe that nobody empties, or that is closed, costs lines of the log and nothing else:
 * nothing waits for it, and what does not fit into a buffer is dropped.
 */
import { fstatSync } from 'node:fs';
import { Socket } from 'node:net';

import { type DestinationStream, pino } from 'pino';

const STDOUT = 1;
const MAX_BUFFERED_BYTES = 1_048_576;

export interface Output extends DestinationStream {
  /** Until all lines are out; that may take forever. */
  readonly flush: () => Promise<void>;
}

export function openOutput(): Output {
  const stats = fstatSync(STDOUT);
  return stats.isFIFO() || stats.isSocket() ? openPipe() : openFile();
}

/** Node.js' own `process.stdout` would write to a pipe in the way of everything else. */
function openPipe(): Output {
  const pipe = new Socket({ fd: STDOUT, readable: false, writable: true });
  pipe.unref();
  pipe.on('error', () => undefined);
  return {
    write(line) {
      if (!pipe.destroyed && pipe.writableLength < MAX_BUFFERED_BYTES) {
        pipe.write(line);
      }
    },
    flush: () =>
      new Promise((resolve) => {
        if (pipe.destroyed || pipe.writableLength === 0) {
          resolve();
        } else {
          pipe.once('drain', resolve).once('close', resolve);
        }
      }),
  };
}

/** Files, terminals and /dev/null take everything at once. */
function openFile(): Output {
  const file = pino.destination(STDOUT);
  file.on('error', () => undefined); // a full disk
  return { write: (line) => file.write(line), flush: () => Promise.resolve() };
}
