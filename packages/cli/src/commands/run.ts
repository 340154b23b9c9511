import type { TaskResult } from "@tasks/core";
import { Command } from "commander";

import { EXIT_FAILURE } from "../exit-codes.ts";
import { backendOption, jsonOption } from "../options.ts";
import { createPrinter } from "../output/print.ts";
import { describeResult } from "../output/result-text.ts";
import { withSession, type CliContext } from "../session.ts";

const HELP = `
Claims one READY result, due or not, runs it here and prints what became of it.
The exit code is 1 when the attempt failed.

Examples:
  $ tasks run 0193f3a2c0de7abc8def0123456789ab
  $ node --inspect-brk "$(which tasks)" run 0193f3a2c0de7abc8def0123456789ab`;

/** `tasks run` */
export function runCommand(context: CliContext): Command {
  return new Command("run")
    .description("run one waiting task in this process")
    .argument("<id>", "id of the result")
    .addOption(backendOption())
    .addOption(jsonOption())
    .addHelpText("after", HELP)
    .action(
      async (
        id: string,
        flags: { readonly backend: string; readonly json?: boolean },
        command: Command,
      ) => {
        await withSession(context, command, { tasks: true, toldTaskId: id }, async (session) => {
          const backend = session.backend(flags.backend);
          const result = await backend.runTask(id);
          const printer = createPrinter(context.io);
          if (flags.json === true) printer.json(result);
          else describeResult(result, backend.now(), printer.style).forEach(printer.line);
          if (hasFailed(result)) context.exitCode = EXIT_FAILURE;
        });
      },
    );
}

/** FAILED for good, or READY again because this attempt threw. */
function hasFailed(result: TaskResult): boolean {
  if (result.isFinished) return result.status === "FAILED";
  const last = result.errors.at(-1);
  return last !== undefined && last.attempt === result.attempts;
}
