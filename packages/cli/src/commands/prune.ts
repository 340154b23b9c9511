import { Command, Option } from "commander";

import type { SignalListener, SignalSource } from "../io.ts";
import { backendOption, jsonOption, parseDays, parseQueues } from "../options.ts";
import { createPrinter } from "../output/print.ts";
import { createProgressBar } from "../output/progress-bar.ts";
import { withSession, type CliContext } from "../session.ts";

const HELP = `
Only finished results are deleted, oldest first and in batches; waiting and
running tasks are never touched. Ctrl+C stops after the batch at hand.

Examples:
  $ tasks prune --dry-run
  $ tasks prune --min-age-days 7 --failed-min-age-days 30
  $ tasks prune --queue-name emails,reports --min-age-days 0`;

interface PruneFlags {
  readonly backend: string;
  readonly minAgeDays: number;
  readonly failedMinAgeDays?: number;
  readonly queueName?: readonly string[];
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

/** `tasks prune` */
export function pruneCommand(context: CliContext): Command {
  return new Command("prune")
    .description("delete old finished results")
    .addOption(backendOption())
    .addOption(
      new Option("--min-age-days <days>", "delete what finished longer ago than this")
        .argParser(parseDays)
        .default(parseDays("14"), "14"),
    )
    .addOption(
      new Option(
        "--failed-min-age-days <days>",
        "the same for FAILED results (default: as --min-age-days)",
      ).argParser(parseDays),
    )
    .addOption(
      new Option("--queue-name <queues>", "only these queues: a,b (default: all)").argParser(
        parseQueues,
      ),
    )
    .option("--dry-run", "count only, delete nothing")
    .addOption(jsonOption())
    .addHelpText("after", HELP)
    .action(async (flags: PruneFlags, command: Command) => {
      await withSession(context, command, {}, async (session) => {
        const { io } = context;
        const backend = session.backend(flags.backend);
        const bar = createProgressBar(io.stderr, "Pruning");
        const interruption = interruptionOf(io.signals);
        const dryRun = flags.dryRun === true;
        try {
          const count = await backend.prune({
            minAgeMs: flags.minAgeDays,
            failedMinAgeMs: flags.failedMinAgeDays,
            queueNames: flags.queueName?.includes("*") === true ? undefined : flags.queueName,
            dryRun,
            onProgress: bar.update,
            signal: interruption.signal,
          });
          bar.clear();
          const printer = createPrinter(io);
          if (flags.json === true)
            printer.json(dryRun ? { wouldDelete: count } : { deleted: count });
          else printer.line(`${dryRun ? "Would delete" : "Deleted"} ${count} task result(s)`);
          if (interruption.signal.aborted) context.exitCode = interruption.exitCode();
        } finally {
          bar.clear();
          interruption[Symbol.dispose]();
        }
      });
    });
}

interface Interruption extends Disposable {
  readonly signal: AbortSignal;
  readonly exitCode: () => number;
}

function interruptionOf(signals: SignalSource): Interruption {
  const controller = new AbortController();
  let exitCode = 0;
  const listener: SignalListener = (signal) => {
    exitCode = signal === "SIGINT" ? 130 : 143;
    controller.abort();
  };
  signals.on("SIGINT", listener);
  signals.on("SIGTERM", listener);
  return {
    signal: controller.signal,
    exitCode: () => exitCode,
    [Symbol.dispose]: () => {
      signals.off("SIGINT", listener);
      signals.off("SIGTERM", listener);
    },
  };
}
