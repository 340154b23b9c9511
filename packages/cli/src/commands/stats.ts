import { TASK_STATUSES, type QueueInfo, type WorkerInfo } from "@tasks/core";
import { Command } from "commander";

import { backendOption, jsonOption } from "../options.ts";
import { createPrinter, type Printer } from "../output/print.ts";
import { renderTable, type Cell, type Column } from "../output/table.ts";
import { formatDuration, formatRelative } from "../output/time.ts";
import { withSession, type CliContext } from "../session.ts";

const HELP = `
Examples:
  $ tasks stats
  $ tasks stats --json | jq '.queues[] | select(.ready > 1000)'`;

const QUEUE_COLUMNS: readonly Column[] = [
  { title: "QUEUE", shrinks: true },
  { title: "READY", align: "right" },
  { title: "SCHEDULED", align: "right" },
  { title: "RUNNING", align: "right" },
  { title: "OLDEST", align: "right" },
  { title: "" },
];
const WORKER_COLUMNS: readonly Column[] = [
  { title: "WORKER", shrinks: true },
  { title: "QUEUES", shrinks: true },
  { title: "RUNNING", align: "right" },
  { title: "STARTED", align: "right" },
  { title: "LAST SEEN", align: "right" },
  { title: "" },
];

/** `tasks stats` */
export function statsCommand(context: CliContext): Command {
  return new Command("stats")
    .description("count results, and show queues and workers")
    .addOption(backendOption())
    .addOption(jsonOption())
    .addHelpText("after", HELP)
    .action(
      async (flags: { readonly backend: string; readonly json?: boolean }, command: Command) => {
        await withSession(context, command, {}, async (session) => {
          const backend = session.backend(flags.backend);
          const counts = await backend.counts();
          const queues = await backend.queues();
          const workers = await backend.workers();
          const printer = createPrinter(context.io);
          if (flags.json === true) {
            return printer.json({ backend: flags.backend, counts, queues, workers });
          }
          const { line, style } = printer;
          line(TASK_STATUSES.map((one) => `${style("bold", one)} ${counts[one]}`).join("   "));
          if (queues.length > 0) printQueues(queues, printer);
          printWorkers(workers, backend.now(), printer);
        });
      },
    );
}

function printQueues(queues: readonly QueueInfo[], { line, text, style, width }: Printer): void {
  const rows = queues.map((queue): readonly Cell[] => [
    { text: queue.name },
    { text: String(queue.ready) },
    { text: String(queue.scheduled) },
    { text: String(queue.running) },
    { text: queue.oldestReadyMs === null ? "-" : formatDuration(queue.oldestReadyMs) },
    { text: queue.paused ? "paused" : "", style: "yellow" },
  ]);
  line("");
  text(renderTable(QUEUE_COLUMNS, rows, style, width));
}

function printWorkers(
  workers: readonly WorkerInfo[],
  now: Date,
  { line, text, style, width }: Printer,
): void {
  line("");
  if (workers.length === 0) return line("No workers.");
  const rows = workers.map((worker): readonly Cell[] => [
    { text: worker.workerId },
    { text: worker.queueNames.join(",") },
    { text: `${worker.running}/${worker.concurrency}` },
    { text: formatRelative(worker.startedAt, now) },
    { text: formatRelative(worker.lastSeenAt, now) },
    worker.alive ? { text: "alive", style: "green" } : { text: "gone", style: "red" },
  ]);
  text(renderTable(WORKER_COLUMNS, rows, style, width));
}
