import { TASK_STATES, TASK_STATUSES, type ListOptions, type TaskResult } from "@tasks/core";
import { Command, Option } from "commander";

import { backendOption, jsonOption, parseAtMost, parseChoice } from "../options.ts";
import { escapeText } from "../output/escape.ts";
import { createPrinter } from "../output/print.ts";
import { styleOfState } from "../output/styles.ts";
import { renderTable, type Cell, type Column } from "../output/table.ts";
import { formatRelative } from "../output/time.ts";
import { withSession, type CliContext } from "../session.ts";

const HELP = `
Examples:
  $ tasks list --status FAILED --limit 10
  $ tasks list --task send_email --queue-name emails
  $ tasks list --state retrying --json | jq '.results[].id'`;

const COLUMNS: readonly Column[] = [
  { title: "ID" },
  { title: "TASK", shrinks: true },
  { title: "STATE" },
  { title: "QUEUE", shrinks: true },
  { title: "ENQUEUED" },
];

interface ListFlags extends ListOptions {
  readonly backend: string;
  readonly task?: string;
  readonly json?: boolean;
}

/** `tasks list` */
export function listCommand(context: CliContext): Command {
  return new Command("list")
    .description("list results, newest first")
    .addOption(backendOption())
    .addOption(
      new Option("--status <status>", `only this status: ${TASK_STATUSES.join(", ")}`).argParser(
        parseChoice(TASK_STATUSES),
      ),
    )
    .addOption(
      new Option("--state <state>", `only this state: ${TASK_STATES.join(", ")}`).argParser(
        parseChoice(TASK_STATES),
      ),
    )
    .option("--queue-name <queue>", "only this queue")
    .option("--task <name>", "only this task")
    .option("--limit <number>", "rows to show, up to 1000", parseAtMost(1000), 50)
    .option("--cursor <cursor>", "go on where the page before ended")
    .addOption(jsonOption())
    .addHelpText("after", HELP)
    .action(async (flags: ListFlags, command: Command) => {
      await withSession(context, command, {}, async (session) => {
        const backend = session.backend(flags.backend);
        const { status, state, queueName, task: taskName, limit, cursor } = flags;
        const page = await backend.list({ status, state, queueName, taskName, limit, cursor });
        const { json, line, text, style, width } = createPrinter(context.io);
        if (flags.json === true) return json(page);
        if (page.results.length === 0) return line("No results.");
        const now = backend.now();
        text(
          renderTable(
            COLUMNS,
            page.results.map((result) => toRow(result, now)),
            style,
            width,
          ),
        );
        if (page.nextCursor !== null) {
          line(style("dim", `More with --cursor ${escapeText(page.nextCursor)}`));
        }
      });
    });
}

function toRow(result: TaskResult, now: Date): readonly Cell[] {
  return [
    { text: result.id },
    { text: result.taskName },
    { text: result.state, style: styleOfState(result.state) },
    { text: result.queueName },
    { text: formatRelative(result.enqueuedAt, now) },
  ];
}
