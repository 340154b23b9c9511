import type { Clock } from "../clock.ts";
import { toMilliseconds, type RelativeTime } from "../run-after.ts";

/** A clock that stands still until it is moved by hand. */
export interface TestClock extends Clock {
  /** Moves it forward, and wakes whoever waits for a task to become due. */
  advance(by: RelativeTime): void;
  /** Sets it. */
  set(now: Date): void;
}

/**
 * A controllable clock for `MemoryBackend` and `DummyBackend`: `new MemoryBackend({ clock })`.
 *
 * @param start where it stands first. @default the present
 */
export function createClock(start: Date = new Date()): TestClock {
  let nowMs = start.getTime();
  const listeners = new Set<() => void>();
  const move = (toMs: number): void => {
    nowMs = toMs;
    for (const listener of listeners) listener();
  };
  return {
    now: () => new Date(nowMs),
    advance: (by) => move(nowMs + toMilliseconds(by)),
    set: (now) => move(now.getTime()),
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
