/**
 * The framework's timers and clock as those of the globals, so that `vi.useFakeTimers()` reaches them:
 * `vi.mock("../src/internal/real-time.ts", () => import("./support/faked-time.ts"))`.
 */
import type * as realTime from "../../src/internal/real-time.ts";

type RealTime = typeof realTime;

export const setTimeout = ((callback: () => void, delayMs: number) =>
  globalThis.setTimeout(callback, delayMs)) as RealTime["setTimeout"];
export const setInterval = ((callback: () => void, delayMs: number) =>
  globalThis.setInterval(callback, delayMs)) as RealTime["setInterval"];
export const setImmediate = ((callback: () => void) =>
  globalThis.setImmediate(callback)) as RealTime["setImmediate"];
export const clearTimeout: RealTime["clearTimeout"] = (timer) => globalThis.clearTimeout(timer);
export const clearInterval: RealTime["clearInterval"] = (timer) => globalThis.clearInterval(timer);
export const monotonicNow = (): number => performance.now();
