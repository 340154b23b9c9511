import type { TaskResult } from "@tasks/core";
import type { Command } from "commander";

import { EXIT_FAILURE } from "../exit-codes.ts";
import { describeResult } from "../output/result-text.ts";
import type { CliContext } from "../session.ts";
import { resultCommand } from "./result-command.ts";

const HELP = `
Claims one READY result, due or not, runs it here and prints what became of it.
The exit code is 1 when the attempt failed.

Examples:
  $ tasks run 0193f3a2c0de7abc8def0123456789ab
  $ node --inspect-brk "$(which tasks)" run 0193f3a2c0de7abc8def0123456789ab`;

/** `tasks run` */
export function runCommand(context: CliContext): Command {
  return resultCommand(context, {
    name: "run",
    description: "run one waiting task in this process",
    help: HELP,
    session: (id) => ({ tasks: true, toldTaskId: id }),
    action: async ({ id, backend, printer, isJson }) => {
      const result = await backend.runTask(id);
      if (isJson) printer.json(result);
      else describeResult(result, backend.now(), printer.style).forEach(printer.line);
      if (hasFailed(result)) context.exitCode = EXIT_FAILURE;
    },
  });
}

/** FAILED for good, or READY again because this attempt threw. */
function hasFailed(result: TaskResult): boolean {
  if (result.isFinished) return result.status === "FAILED";
  const last = result.errors.at(-1);
  return last !== undefined && last.attempt === result.attempts;
}
