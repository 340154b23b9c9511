import type { Backend } from "./backend.ts";
import { NotSupported, WaitTimeout } from "./errors.ts";
import { wrongOption } from "./internal/assert-option.ts";
import { monotonicNow } from "./internal/monotonic-now.ts";
import { assertKnownOptions } from "./known-options.ts";
import type { TaskResult, WaitOptions } from "./task-result.ts";

/** Longest pause between two looks at a result that is waited for, where the backend cannot notify. */
const LONGEST_LOOK_MS = 500;

/** Refreshes a result until it is finished: `result.wait()`. */
export async function waitForResult(
  result: TaskResult,
  backend: Backend,
  options: WaitOptions,
): Promise<void> {
  assertKnownOptions("wait()", options, { timeoutMs: 1, signal: 1 });
  const { timeoutMs = Infinity, signal } = options;
  if (!(timeoutMs >= 0)) throw wrongOption("timeoutMs", "milliseconds from 0", timeoutMs);
  if (!backend.supports.wait) {
    throw new NotSupported("This backend does not support waiting for results.");
  }
  const deadline = monotonicNow() + timeoutMs;
  for (let lookMs = 5; ; lookMs = Math.min(lookMs * 2, LONGEST_LOOK_MS)) {
    signal?.throwIfAborted();
    await result.refresh();
    if (result.isFinished) return;
    const leftMs = deadline - monotonicNow();
    if (leftMs <= 0) throw new WaitTimeout(result.id, timeoutMs);
    await backend.waitForChange(result.id, Math.min(lookMs, leftMs), signal);
  }
}
