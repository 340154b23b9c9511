import { registeredTasks } from "@tasks/core";
import { Command, InvalidArgumentError, Option } from "commander";

import { UsageError } from "../errors.ts";
import { jsonOption, parseWhole } from "../options.ts";
import { escapeText } from "../output/escape.ts";
import { createPrinter } from "../output/print.ts";
import { parseRunAfter } from "../run-after.ts";
import { withSession, type CliContext } from "../session.ts";

const HELP = `
Each argument is one JSON value. Put quotes of the shell around it, and JSON's
own quotes around a text. The command prints the id of the result;
'tasks show <id>' tells what became of it.

Examples:
  $ tasks enqueue greet '"World"'
  $ tasks enqueue resize '{"image": 7, "width": 640}' --priority 10
  $ tasks enqueue report 2026 --run-after 10m
  $ tasks enqueue report 2026 --run-after 2026-12-24T08:00:00Z
  $ tasks enqueue add -- -1 -2`;

interface EnqueueFlags {
  readonly backend?: string;
  readonly priority?: number;
  readonly queueName?: string;
  readonly runAfter?: ReturnType<typeof parseRunAfter>;
  readonly json?: boolean;
}

/** `tasks enqueue` */
export function enqueueCommand(context: CliContext): Command {
  return new Command("enqueue")
    .description("enqueue one task")
    .argument("<task>", "name of the task")
    .argument("[args...]", "its arguments, each one JSON value", collectJson)
    .option("--backend <alias>", "backend to enqueue on (default: the task's own)")
    .option("--priority <number>", "-100 to 100, larger runs sooner", parsePriority)
    .option("--queue-name <queue>", "queue to enqueue on (default: the task's own)")
    .addOption(
      new Option(
        "--run-after <when>",
        "not before: a delay (30s, 10m, 2h, 1d) or an ISO date",
      ).argParser(parseRunAfter),
    )
    .addOption(jsonOption())
    .addHelpText("after", HELP)
    .action(
      async (
        name: string,
        args: readonly unknown[] | undefined,
        flags: EnqueueFlags,
        command: Command,
      ) => {
        await withSession(context, command, { tasks: true }, async ({ backend }) => {
          if (flags.backend !== undefined) backend(flags.backend);
          const { backend: alias, priority, queueName, runAfter } = flags;
          const task = findTask(name).using({
            ...(alias !== undefined && { backend: alias }),
            ...(priority !== undefined && { priority }),
            ...(queueName !== undefined && { queueName }),
            ...(runAfter !== undefined && { runAfter }),
          });
          const result = await task.enqueue(...(args ?? []));
          const printer = createPrinter(context.io);
          if (flags.json === true) return printer.json(result);
          const verb = result.deduplicated ? "Already enqueued" : "Enqueued";
          printer.line(
            `${verb} ${result.taskName} as ${printer.style("bold", escapeText(result.id))} (queue ${escapeText(result.queueName)}, ${result.state}).`,
          );
        });
      },
    );
}

function findTask(
  name: string,
): NonNullable<ReturnType<ReturnType<typeof registeredTasks>["get"]>> {
  const tasks = registeredTasks();
  const task = tasks.get(name);
  if (task !== undefined) return task;
  const known = [...tasks.keys()].toSorted();
  throw new UsageError(
    known.length === 0
      ? `There is no task '${name}': no task is registered. Name the modules that define tasks in the configuration: configureTasks({ tasks: ["./src/tasks/**/*.ts"] }).`
      : `There is no task '${name}'. Registered tasks: ${known.join(", ")}.`,
  );
}

function collectJson(text: string, previous: readonly unknown[] | undefined): readonly unknown[] {
  try {
    return [...(previous ?? []), JSON.parse(text) as unknown];
  } catch {
    throw new InvalidArgumentError(
      `It is not JSON. A text needs JSON's quotes inside the shell's: '${JSON.stringify(text)}'.`,
    );
  }
}

function parsePriority(text: string): number {
  const priority = parseWhole(text);
  if (Math.abs(priority) > 100) {
    throw new InvalidArgumentError("priority must be a whole number between -100 and 100.");
  }
  return priority;
}
