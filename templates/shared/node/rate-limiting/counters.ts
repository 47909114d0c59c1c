/** A fixed window: the first hit opens it, the rest fall into it. */
export interface Window {
  readonly count: number;
  readonly secondsLeft: number;
}

export interface Counters {
  hit: (key: string, seconds: number) => Promise<Window>;
  forget: (key: string) => Promise<void>;
  takeBack: (key: string) => Promise<void>;
}

/** Rounded up, and never more than the whole window, whatever clocks and fractions say. */
export function toWindow(count: number, millisecondsLeft: number, seconds: number): Window {
  const secondsLeft = Math.min(seconds, Math.max(1, Math.ceil(millisecondsLeft / 1000)));
  return { count, secondsLeft };
}
