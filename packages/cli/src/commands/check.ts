import { checkTasks, registeredTasks, type CheckLevel, type CheckMessage } from "@tasks/core";
import { Command } from "commander";

import { checkSchedules } from "../check-schedules.ts";
import { EXIT_FAILURE } from "../exit-codes.ts";
import { jsonOption } from "../options.ts";
import { escapeText } from "../output/escape.ts";
import { createPrinter, type Printer } from "../output/print.ts";
import type { Style } from "../output/styles.ts";
import { withSession, type CliContext } from "../session.ts";

const STYLES: Readonly<Record<CheckLevel, Style>> = {
  debug: "dim",
  info: "blue",
  warning: "yellow",
  error: "red",
};

const HELP = `
Loads the configuration and every task module, asks each backend for problems,
and holds each task against its backend. The exit code is 1 when there is an
error; warnings alone leave it 0.

Examples:
  $ tasks check
  $ tasks check --json`;

/** `tasks check` */
export function checkCommand(context: CliContext): Command {
  return new Command("check")
    .description("look for mistakes in configuration, tasks and stores")
    .addOption(jsonOption())
    .addHelpText("after", HELP)
    .action(async (options: { readonly json?: boolean }, command: Command) => {
      await withSession(context, command, { tasks: true }, async ({ aliases, loaded }) => {
        const messages = [...(await checkTasks()), ...checkSchedules(loaded.config.schedules)];
        const printer = createPrinter(context.io);
        if (options.json === true) printer.json(messages);
        else printMessages(messages, aliases().length, printer);
        if (messages.some(({ level }) => level === "error")) context.exitCode = EXIT_FAILURE;
      });
    });
}

function printMessages(
  messages: readonly CheckMessage[],
  backends: number,
  { line, style }: Printer,
): void {
  for (const { level, id, text, hint } of messages) {
    line(`${style(STYLES[level], level)} ${style("dim", escapeText(id))} ${escapeText(text)}`);
    if (hint !== null) line(`  hint: ${escapeText(hint)}`);
  }
  const checked = `${counted(backends, "backend")} and ${counted(registeredTasks().size, "task")}`;
  if (messages.length === 0) line(`${style("green", "No problems")} in ${checked}.`);
  else line(`${counted(messages.length, "message")} about ${checked}.`);
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
