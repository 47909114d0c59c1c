import { type Counters, toWindow } from './counters.ts';

const SWEEP_EVERY_MS = 60_000;

/** Counted in this process; so production refuses more than one. */
export function createMemoryCounters(): Counters {
  const windows = new Map<string, { count: number; end: number }>();
  let nextSweep = 0;

  function sweep(now: number): void {
    for (const [key, { end }] of windows) {
      if (end <= now) {
        windows.delete(key);
      }
    }
    nextSweep = now + SWEEP_EVERY_MS;
  }

  return {
    hit(key, seconds) {
      const now = performance.now();
      if (now >= nextSweep) {
        sweep(now);
      }
      const open = windows.get(key);
      const window = open && open.end > now ? open : { count: 0, end: now + seconds * 1000 };
      window.count++;
      windows.set(key, window);
      return Promise.resolve(toWindow(window.count, window.end - now, seconds));
    },

    forget(key) {
      windows.delete(key);
      return Promise.resolve();
    },

    takeBack(key) {
      const window = windows.get(key);
      if (window && window.count > 0) {
        window.count--;
      }
      return Promise.resolve();
    },
  };
}
