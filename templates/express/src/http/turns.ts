import { UnavailableError } from '../problems/errors.ts';

/** Lets so many proceed at a time; the others wait, in turn and not for long. */
export function createTurns(size: number, timeoutMs: number) {
  const waiting: (() => void)[] = [];
  let taken = 0;

  return {
    get taken() {
      return taken;
    },

    take(): Promise<void> {
      if (taken < size) {
        taken++;
        return Promise.resolve();
      }
      return new Promise((resolve, reject) => {
        const proceed = () => {
          clearTimeout(timer);
          resolve();
        };
        const timer = setTimeout(() => {
          waiting.splice(waiting.indexOf(proceed), 1);
          reject(new UnavailableError({ cause: new Error(`no turn within ${timeoutMs} ms`) }));
        }, timeoutMs);
        waiting.push(proceed);
      });
    },

    /** The place of one who is done goes to the next who waits. */
    leave(): void {
      const next = waiting.shift();
      if (next) {
        next();
      } else {
        taken--;
      }
    },
  };
}
