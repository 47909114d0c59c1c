import { UnavailableError } from '../problems/errors.ts';

/** Lets `size` callers in at a time. The others wait in order, and fail after `timeoutMs`. */
export function createSemaphore(size: number, timeoutMs: number) {
  const waiting: (() => void)[] = [];
  let used = 0;

  return {
    get used() {
      return used;
    },

    acquire(): Promise<void> {
      if (used < size) {
        used++;
        return Promise.resolve();
      }
      return new Promise((resolve, reject) => {
        const proceed = () => {
          clearTimeout(timer);
          resolve();
        };
        const timer = setTimeout(() => {
          waiting.splice(waiting.indexOf(proceed), 1);
          reject(
            new UnavailableError({ cause: new Error(`no place free within ${timeoutMs} ms`) }),
          );
        }, timeoutMs);
        waiting.push(proceed);
      });
    },

    /** Hands the place to the next caller that waits. */
    release(): void {
      const next = waiting.shift();
      if (next) {
        next();
      } else {
        used--;
      }
    },
  };
}
