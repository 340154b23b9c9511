import { constants } from "node:os";

import type { Worker } from "@tasks/core";

import { EXIT_FAILURE } from "../exit-codes.ts";
import type { CliIo, SignalListener, StopSignal } from "../io.ts";
import type { LogPrinter } from "../output/log-printer.ts";

/** Options of `stopOnSignals`. */
export interface StopOptions {
  readonly io: CliIo;
  readonly worker: Pick<Worker, "stop">;
  readonly logs: LogPrinter;
  /** What the process answers once the worker has ended. */
  readonly exitCode: () => number;
  /** How long the worker itself waits for running tasks, in milliseconds. */
  readonly shutdownTimeoutMs: number;
}

/** A worker's stop, while it is being waited for. */
export interface StopHandle {
  /** Begins the graceful stop, as a signal does; idempotent. */
  readonly begin: () => void;
  /** The worker has ended: from here on signals do what they do by default. */
  readonly ended: () => void;
}

const SIGNALS: readonly StopSignal[] = ["SIGINT", "SIGTERM", "SIGQUIT"];

/** What the worker gets beyond its deadline to release its tasks and to close its connections, in milliseconds. */
const GRACE_MS = 450;

/** npm and others pass a Ctrl+C on that the terminal has sent to this process already: the same signal within this time is the same wish. */
const ECHO_MS = 100;

/**
 * The first signal begins the graceful stop, the second ends the process at once. The process ends `GRACE_MS` after the deadline at the latest, whatever
 * a task or the store does; the tasks it held are then recovered by their leases.
 */
export function stopOnSignals(options: StopOptions): StopHandle {
  const { io, worker, logs, shutdownTimeoutMs } = options;
  let stopping = false;
  let hasEnded = false;
  const begin = (): void => {
    if (stopping) return;
    stopping = true;
    // The worker's end is awaited through run(); a stop that fails shows there.
    worker.stop().catch(() => {});
    setTimeout(() => {
      if (!hasEnded) {
        logs.log("error", "The worker did not stop in time. Its tasks run again elsewhere.");
      }
      io.exit(hasEnded ? options.exitCode() : EXIT_FAILURE);
    }, shutdownTimeoutMs + GRACE_MS).unref();
  };
  let last: { readonly signal: StopSignal; readonly at: number } | undefined;
  const listener: SignalListener = (signal) => {
    const isFirst = last === undefined;
    const isEcho = last?.signal === signal && performance.now() - last.at < ECHO_MS;
    last = { signal, at: performance.now() };
    if (isEcho) return;
    // A stop that a fault began, or the end of the launcher, is nobody's impatience.
    if (!isFirst) {
      logs.log("warn", `Received ${signal} - terminating current task.`);
      io.exit(128 + constants.signals[signal]);
      return;
    }
    logs.log(
      "info",
      `Received ${signal} - shutting down gracefully... (press Ctrl+C again to force)`,
    );
    begin();
  };
  for (const signal of SIGNALS) io.signals.on(signal, listener);
  return {
    begin,
    ended: () => {
      hasEnded = true;
      for (const signal of SIGNALS) io.signals.off(signal, listener);
    },
  };
}
