import type { Command } from "commander";

import { CliError } from "../errors.ts";
import { escapeText } from "../output/escape.ts";
import type { CliContext } from "../session.ts";
import { resultCommand } from "./result-command.ts";

const HELP = `
A waiting task is cancelled at once. A running one is told through its signal
within a second, in whatever process it runs; it is marked cancelled when it
ends.

Example:
  $ tasks cancel 0193f3a2c0de7abc8def0123456789ab`;

/** `tasks cancel` */
export function cancelCommand(context: CliContext): Command {
  return resultCommand(context, {
    name: "cancel",
    description: "cancel a waiting or running task",
    help: HELP,
    session: (id) => ({ toldTaskId: id }),
    action: async ({ id, backend, printer, isJson }) => {
      const isCancelled = await backend.cancel(id);
      const { status, state } = await backend.getResult(id);
      if (!isCancelled) {
        throw new CliError(`Task result '${id}' is already ${status}; there is nothing to cancel.`);
      }
      if (isJson) printer.json({ id, cancelled: true, status, state });
      else if (status === "RUNNING") {
        printer.line(`Task result ${escapeText(id)} is running and was asked to stop.`);
      } else printer.line(`Task result ${escapeText(id)} is ${state}.`);
    },
  });
}
