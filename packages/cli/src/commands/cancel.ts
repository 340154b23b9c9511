import { Command } from "commander";

import { CliError } from "../errors.ts";
import { backendOption, jsonOption } from "../options.ts";
import { escapeText } from "../output/escape.ts";
import { createPrinter } from "../output/print.ts";
import { withSession, type CliContext } from "../session.ts";

const HELP = `
A waiting task is cancelled at once. A running one is told through its signal
within a second, in whatever process it runs; it is marked cancelled when it
ends.

Example:
  $ tasks cancel 0193f3a2c0de7abc8def0123456789ab`;

/** `tasks cancel` */
export function cancelCommand(context: CliContext): Command {
  return new Command("cancel")
    .description("cancel a waiting or running task")
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
        await withSession(context, command, { toldTaskId: id }, async (session) => {
          const backend = session.backend(flags.backend);
          if (!(await backend.cancel(id))) {
            const { status } = await backend.getResult(id);
            throw new CliError(
              `Task result '${id}' is already ${status}; there is nothing to cancel.`,
            );
          }
          const { status, state } = await backend.getResult(id);
          const printer = createPrinter(context.io);
          if (flags.json === true) printer.json({ id, cancelled: true, status, state });
          else if (status === "RUNNING") {
            printer.line(`Task result ${escapeText(id)} is running and was asked to stop.`);
          } else printer.line(`Task result ${escapeText(id)} is ${state}.`);
        });
      },
    );
}
