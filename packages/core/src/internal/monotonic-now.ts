import { performance } from "node:perf_hooks";

// Fakes of test libraries are own properties of the object; the prototype keeps the original.
const { now } = Object.getPrototypeOf(performance) as { readonly now: () => number };

/** Milliseconds on a clock that never jumps, and that no test library fakes. */
export function monotonicNow(): number {
  return now.call(performance);
}
