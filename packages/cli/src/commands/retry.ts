import { Command } from "commander";

import { CliError } from "../errors.ts";
import { backendOption, jsonOption } from "../options.ts";
import { escapeText } from "../output/escape.ts";
import { createPrinter } from "../output/print.ts";
import { withSession, type CliContext } from "../session.ts";

const HELP = `
The result becomes READY again with a fresh allowance of attempts; its history
stays.

Example:
  $ tasks retry 0193f3a2c0de7abc8def0123456789ab`;

/** `tasks retry` */
export function retryCommand(context: CliContext): Command {
  return new Command("retry")
    .description("run a FAILED task again")
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
        await withSession(context, command, {}, async (session) => {
          const backend = session.backend(flags.backend);
          if (!(await backend.retry(id))) {
            const { status } = await backend.getResult(id);
            throw new CliError(
              `Task result '${id}' is ${status}. Only FAILED results can be retried.`,
            );
          }
          const printer = createPrinter(context.io);
          if (flags.json === true) printer.json({ id, retried: true });
          else printer.line(`Task result ${escapeText(id)} is READY again.`);
        });
      },
    );
}
