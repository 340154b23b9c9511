import type { Backend, RetentionOptions } from "@tasks/core";
import type { Command } from "commander";

import { UsageError } from "../errors.ts";
import { EXIT_FAILURE } from "../exit-codes.ts";
import { withSession, type CliContext, type Session } from "../session.ts";
import { reportFiles, reportImports } from "./module-trace.ts";
import { stopOnSignals, type StopHandle } from "./stop-on-signals.ts";
import { describeUnservedTasks } from "./unserved-tasks.ts";

/** Options of `tasks worker`. */
export interface WorkerFlags {
  readonly backend: string;
  readonly queueName: readonly string[];
  readonly excludeQueues?: readonly string[];
  readonly concurrency: number;
  /** Milliseconds. */
  readonly interval: number;
  readonly batch?: boolean;
  readonly maxTasks?: number;
  readonly workerId?: string;
  readonly startupDelay: boolean;
  /** Milliseconds. */
  readonly shutdownTimeout: number;
  /** Milliseconds. */
  readonly pruneMinAgeDays?: number;
  /** Milliseconds. */
  readonly pruneFailedMinAgeDays?: number;
  readonly json?: boolean;
}

/** Runs a worker in this process until it stops. */
export async function runWorker(
  context: CliContext,
  flags: WorkerFlags,
  command: Command,
): Promise<void> {
  const { io } = context;
  if (io.parent !== undefined) reportImports(io.parent);
  const options = {
    tasks: true,
    logStream: io.stdout,
    logJson: flags.json,
    logLevel: "info",
  } as const;
  await withSession(context, command, options, async (session) => {
    if (io.parent !== undefined) {
      reportFiles(io.parent, [session.loaded.file, ...session.taskModules]);
    }
    const backend = workerBackend(session, flags.backend);
    const worker = await backend.createWorker({
      queueNames: flags.queueName,
      excludeQueues: flags.excludeQueues,
      concurrency: flags.concurrency,
      intervalMs: flags.interval,
      batch: flags.batch,
      maxTasks: flags.maxTasks,
      workerId: flags.workerId,
      // Whoever waits for a restart after a change is the only one here.
      startupDelay: flags.startupDelay && io.parent === undefined,
      shutdownTimeoutMs: flags.shutdownTimeout,
      retention: retentionOf(flags),
    });
    const stop = stopOnSignals({
      io,
      worker,
      logs: session.logs,
      exitCode: () => context.exitCode,
      shutdownTimeoutMs: flags.shutdownTimeout,
    });
    const release = stopOnFaults(context, session, stop);
    session.logs.log("info", describeStart(worker.workerId, flags));
    const unserved = describeUnservedTasks(flags);
    if (unserved !== undefined) session.logs.log("info", unserved);
    try {
      await worker.run();
    } finally {
      stop.ended();
      release();
    }
  });
}

/** Asking for one of the two ages is asking for it. */
function retentionOf(flags: WorkerFlags): RetentionOptions | undefined {
  const { pruneMinAgeDays: minAgeMs, pruneFailedMinAgeDays: failedMinAgeMs } = flags;
  return minAgeMs === undefined && failedMinAgeMs === undefined
    ? undefined
    : { minAgeMs, failedMinAgeMs };
}

function describeStart(workerId: string, { queueName, excludeQueues = [] }: WorkerFlags): string {
  const excluded = excludeQueues.length === 0 ? "" : ` exclude_queues=${excludeQueues.join(",")}`;
  return `Starting worker worker_id=${workerId} queues=${queueName.join(",")}${excluded}`;
}

function workerBackend(session: Session, alias: string): Backend {
  const backend = session.backend(alias);
  if (!backend.supports.worker) {
    throw new UsageError(
      `Backend '${alias}' does not have a worker: a ${backend.constructor.name} does not hand its tasks to one.`,
    );
  }
  return backend;
}

/**
 * A promise that a task forgot must not take down the tasks beside it: it is logged. After an uncaught exception the process cannot be trusted: it stops
 * gracefully, and whoever watches over it starts a fresh one.
 */
function stopOnFaults(context: CliContext, { logs }: Session, stop: StopHandle): () => void {
  const { io } = context;
  const releaseFaults = io.onFault((kind, error) => {
    if (kind === "unhandledRejection") {
      logs.log("error", "A promise was rejected and nobody handled it.", { error });
      return;
    }
    logs.log("error", "An exception was not caught. The worker stops.", { error });
    context.exitCode = EXIT_FAILURE;
    stop.begin();
  });
  const releaseParent = io.parent?.onGone(stop.begin);
  const releaseLauncher = io.onLauncherGone(() => {
    logs.log("info", "The process that started this worker is gone - shutting down gracefully...");
    stop.begin();
  });
  return () => {
    releaseFaults();
    releaseParent?.();
    releaseLauncher();
  };
}
