import { NotSupported } from "@tasks/core";
import { CommanderError } from "commander";

import { CliError, UsageError } from "./errors.ts";
import { EXIT_FAILURE, EXIT_OK, EXIT_USAGE } from "./exit-codes.ts";
import type { CliIo } from "./io.ts";
import { describeError } from "./output/error-text.ts";
import { createStyler } from "./output/styles.ts";
import { createProgram } from "./program.ts";
import type { CliContext } from "./session.ts";

/**
 * Runs one command line. Never rejects and never ends the process, except for a forced exit through `io.exit`.
 *
 * @param argv the words after `tasks`.
 * @returns the exit code: 0 all right, 1 the command failed, 2 the command line is wrong.
 */
export async function runCli(argv: readonly string[], io: CliIo): Promise<number> {
  const context: CliContext = { io, argv, exitCode: EXIT_OK };
  const program = createProgram(context);
  try {
    if (argv.length === 0) program.help({ error: true });
    await program.parseAsync(argv, { from: "user" });
    return context.exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return exitCodeOf(error);
    return report(error, io, program.opts<{ verbosity?: number }>().verbosity === 3);
  }
}

/** Commander has told its errors by itself. */
function exitCodeOf(error: CommanderError): number {
  return error.exitCode === 0 ? EXIT_OK : EXIT_USAGE;
}

function report(error: unknown, io: CliIo, stack: boolean): number {
  const style = createStyler(io.stderr, io.env);
  const [first = "", ...rest] = linesOf(error, stack);
  io.stderr.write(`${style("red", "error:")} ${first}\n`);
  for (const line of rest) io.stderr.write(`  ${line}\n`);
  return error instanceof UsageError || NotSupported.is(error) ? EXIT_USAGE : EXIT_FAILURE;
}

function linesOf(error: unknown, stack: boolean): string[] {
  if (!stack && error instanceof CliError && error.showCauseStack) {
    const { message, cause } = error;
    return [...describeError(message), ...describeError(cause, { stack: true })];
  }
  // A stack helps only where nobody foresaw the error.
  const foreseen = !(error instanceof TypeError || error instanceof ReferenceError);
  return describeError(error, { stack: stack || !foreseen });
}
