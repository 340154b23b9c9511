import { Command } from "commander";

import { backendOption, jsonOption } from "../options.ts";
import { createPrinter } from "../output/print.ts";
import { describeResult } from "../output/result-text.ts";
import { withSession, type CliContext } from "../session.ts";

const HELP = `
Examples:
  $ tasks show 0193f3a2c0de7abc8def0123456789ab
  $ tasks show 0193f3a2c0de7abc8def0123456789ab --json | jq .returnValue`;

/** `tasks show` */
export function showCommand(context: CliContext): Command {
  return new Command("show")
    .description("show everything about one result")
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
          const result = await backend.getResult(id);
          const printer = createPrinter(context.io);
          if (flags.json === true) printer.json({ ...result.toJSON(), logs: result.logs });
          else describeResult(result, backend.now(), printer.style).forEach(printer.line);
        });
      },
    );
}
