import type { Command } from "commander";

import { CliError } from "../errors.ts";
import { escapeText } from "../output/escape.ts";
import type { CliContext } from "../session.ts";
import { resultCommand } from "./result-command.ts";

const HELP = `
The result becomes READY again with a fresh allowance of attempts; its history
stays.

Example:
  $ tasks retry 0193f3a2c0de7abc8def0123456789ab`;

/** `tasks retry` */
export function retryCommand(context: CliContext): Command {
  return resultCommand(context, {
    name: "retry",
    description: "run a FAILED task again",
    help: HELP,
    action: async ({ id, backend, printer, isJson }) => {
      if (!(await backend.retry(id))) {
        const { status } = await backend.getResult(id);
        throw new CliError(`Task result '${id}' is ${status}. Only FAILED results can be retried.`);
      }
      if (isJson) printer.json({ id, retried: true });
      else printer.line(`Task result ${escapeText(id)} is READY again.`);
    },
  });
}
