import { Command, Option } from "commander";

import { findConfig } from "../config.ts";
import { UsageError } from "../errors.ts";
import {
  backendOption,
  parseAtMost,
  parseDays,
  parseInterval,
  parsePositive,
  parseQueues,
  parseSeconds,
  parseWorkerId,
} from "../options.ts";
import { createLogPrinter } from "../output/log-printer.ts";
import type { CliContext, GlobalOptions } from "../session.ts";
import { runWorker, type WorkerFlags } from "../worker/run-worker.ts";
import { superviseWorker } from "../worker/supervise-worker.ts";

const HELP = `
Runs tasks until it is stopped. The first SIGINT (Ctrl+C), SIGTERM or SIGQUIT
stops claiming tasks and waits for the running ones, --shutdown-timeout seconds
at most; what has not ended then is given back to the queue. The second signal
ends the process at once. The exit code is 0 after a graceful stop.

Examples:
  $ tasks worker
  $ tasks worker --queue-name emails,reports --concurrency 20
  $ tasks worker --queue-name '*' --exclude-queues reports
  $ tasks worker --batch               run what is ready, then exit (for cron)
  $ tasks worker --prune-min-age-days 7
  $ tasks worker --watch               restart when the code changes`;

/** `tasks worker` */
export function workerCommand(context: CliContext): Command {
  return new Command("worker")
    .description("run tasks")
    .addOption(backendOption())
    .addOption(
      new Option("--queue-name <queues>", "queues to serve: a,b, or * for all")
        .argParser(parseQueues)
        .default(["default"], "default"),
    )
    .addOption(
      new Option("--exclude-queues <queues>", "queues to leave out, with --queue-name=*").argParser(
        parseQueues,
      ),
    )
    .addOption(
      new Option("--concurrency <number>", "how many tasks run at once")
        .argParser(parseAtMost(10_000))
        .default(10),
    )
    .addOption(
      new Option("--interval <seconds>", "longest pause between two looks for work")
        .argParser(parseInterval)
        .default(1000, "1"),
    )
    .option("--batch", "exit when nothing is ready")
    .option(
      "--max-tasks <number>",
      "exit after this many tasks, failed ones included",
      parsePositive,
    )
    .option("--worker-id <id>", "name of this worker, up to 64 characters", parseWorkerId)
    .addOption(
      new Option("--shutdown-timeout <seconds>", "how long a graceful stop waits for running tasks")
        .argParser((text) => parseSeconds(text))
        .default(30_000, "30"),
    )
    .addOption(
      new Option(
        "--prune-min-age-days <days>",
        "delete results meanwhile that finished longer ago than this (default: never)",
      ).argParser(parseDays),
    )
    .addOption(
      new Option(
        "--prune-failed-min-age-days <days>",
        "the same for FAILED results (default: as --prune-min-age-days)",
      ).argParser(parseDays),
    )
    .option("--no-startup-delay", "begin at once instead of after a random part of the interval")
    .option("--watch", "restart when the configuration or the code of a task changes")
    .addOption(new Option("--json", "write log lines as JSON, one object per line"))
    .addHelpText("after", HELP)
    .action(async (flags: WorkerFlags & { readonly watch?: boolean }, command: Command) => {
      if (flags.excludeQueues !== undefined && !flags.queueName.includes("*")) {
        throw new UsageError("--exclude-queues can only be used with --queue-name=*");
      }
      if (await isWatching(context, flags, command)) return;
      await runWorker(context, flags, command);
    });
}

/** Starts the worker in a process of its own and restarts it on changes; `false` when this process is to be the worker itself. */
async function isWatching(
  context: CliContext,
  flags: WorkerFlags & { readonly watch?: boolean },
  command: Command,
): Promise<boolean> {
  const { io, argv } = context;
  if (flags.watch !== true || io.parent !== undefined) return false;
  using logs = createLogPrinter({
    stream: io.stdout,
    env: io.env,
    level: "info",
    json: flags.json,
  });
  if (flags.batch === true) {
    logs.log("warn", "Warning: --watch and --batch cannot be specified together. Disabling watch.");
    return false;
  }
  const { config } = command.optsWithGlobals<GlobalOptions>();
  context.exitCode = await superviseWorker({
    io,
    argv,
    logs,
    configFile: findConfig(io.cwd, config),
  });
  return true;
}
