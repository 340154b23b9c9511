import type { Command } from "commander";

import { describeResult } from "../output/result-text.ts";
import type { CliContext } from "../session.ts";
import { resultCommand } from "./result-command.ts";

const HELP = `
Examples:
  $ tasks show 0193f3a2c0de7abc8def0123456789ab
  $ tasks show 0193f3a2c0de7abc8def0123456789ab --json | jq .returnValue`;

/** `tasks show` */
export function showCommand(context: CliContext): Command {
  return resultCommand(context, {
    name: "show",
    description: "show everything about one result",
    help: HELP,
    action: async ({ id, backend, printer, isJson }) => {
      const result = await backend.getResult(id);
      if (isJson) printer.json({ ...result.toJSON(), logs: result.logs });
      else describeResult(result, backend.now(), printer.style).forEach(printer.line);
    },
  });
}
