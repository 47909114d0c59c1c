import { within } from '../http/deadline.ts';

const DEADLINE_MS = 900;

export type Probe = () => Promise<unknown>;
export type Health = ReturnType<typeof createHealth>;

/** Whether the dependencies answer, within a time of their own: a probe must not hang with them. */
export function createHealth(probes: Readonly<Record<string, Probe>>) {
  const running = new Map<string, Promise<unknown>>();

  /** One at a time: what asks meanwhile shares the answer, so that probes do not pile up. */
  function run(name: string, probe: Probe): Promise<unknown> {
    const shared =
      running.get(name) ??
      probe().finally(() => {
        running.delete(name);
      });
    running.set(name, shared);
    return shared;
  }

  return {
    async check(): Promise<Record<string, 'ok' | 'fail'>> {
      const outcomes = Object.entries(probes).map(async ([name, probe]) => {
        try {
          await within(DEADLINE_MS, run(name, probe));
          return [name, 'ok'] as const;
        } catch {
          return [name, 'fail'] as const;
        }
      });
      return Object.fromEntries(await Promise.all(outcomes));
    },
  };
}
