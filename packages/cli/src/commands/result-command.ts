import type { Backend } from "@tasks/core";
import { Command } from "commander";

import { backendOption, jsonOption } from "../options.ts";
import { createPrinter, type Printer } from "../output/print.ts";
import { withSession, type CliContext, type SessionOptions } from "../session.ts";

/** What a command about one result is given. */
interface Given {
  readonly id: string;
  readonly backend: Backend;
  readonly printer: Printer;
  /** Print one JSON document instead of text. */
  readonly isJson: boolean;
}

/** A command about one result, which its user names by id. */
export interface ResultCommand {
  readonly name: string;
  readonly description: string;
  /** What `--help` says behind the options. */
  readonly help: string;
  readonly session?: ((id: string) => SessionOptions) | undefined;
  readonly action: (given: Given) => Promise<void>;
}

/** Makes the command. */
export function resultCommand(
  context: CliContext,
  { name, description, help, session: options, action }: ResultCommand,
): Command {
  return new Command(name)
    .description(description)
    .argument("<id>", "id of the result")
    .addOption(backendOption())
    .addOption(jsonOption())
    .addHelpText("after", help)
    .action(
      async (
        id: string,
        flags: { readonly backend: string; readonly json?: boolean },
        command: Command,
      ) => {
        await withSession(context, command, options?.(id) ?? {}, async (session) => {
          const backend = session.backend(flags.backend);
          const printer = createPrinter(context.io);
          await action({ id, backend, printer, isJson: flags.json === true });
        });
      },
    );
}
