import { readFileSync } from "node:fs";

import { Command, Option } from "commander";

import { cancelCommand } from "./commands/cancel.ts";
import { checkCommand } from "./commands/check.ts";
import { enqueueCommand } from "./commands/enqueue.ts";
import { listCommand } from "./commands/list.ts";
import { migrateCommand } from "./commands/migrate.ts";
import { pauseCommand, resumeCommand } from "./commands/pause.ts";
import { pruneCommand } from "./commands/prune.ts";
import { retryCommand } from "./commands/retry.ts";
import { runCommand } from "./commands/run.ts";
import { showCommand } from "./commands/show.ts";
import { statsCommand } from "./commands/stats.ts";
import { workerCommand } from "./commands/worker.ts";
import { parseChoice } from "./options.ts";
import { hasColors, createStyler } from "./output/styles.ts";
import type { CliContext } from "./session.ts";

const EXIT_CODES = `
Exit codes:
  0  all right
  1  the command failed
  2  the command line is wrong; nothing was done
  130, 131, 143  a second SIGINT, SIGQUIT or SIGTERM ended a worker`;

const FIRST_STEPS = `
First steps:
  $ tasks migrate                      create the tables of a database backend
  $ tasks worker                       run tasks until stopped with Ctrl+C
  $ tasks enqueue greet '"World"'      enqueue one task from the shell
  $ tasks list --status FAILED         see what went wrong

The configuration is tasks.config.ts (or .mts, .js, .mjs), found in the working
directory or above. 'tasks <command> --help' has options and examples.`;

/** The whole command line. */
export function createProgram(context: CliContext): Command {
  const program = new Command("tasks")
    .description("Run and look after background tasks.")
    .version(readVersion(), "--version", "print the version")
    .helpOption("-h, --help", "explain a command")
    .option("-c, --config <file>", "configuration file (default: found from the working directory)")
    .addOption(
      new Option("-v, --verbosity <level>", "how much to log: 0 errors, 1 normal, 2 and 3 details")
        .argParser((text) => Number(parseChoice(["0", "1", "2", "3"])(text)))
        .default(1),
    )
    .addHelpText("after", FIRST_STEPS)
    .addHelpText("after", EXIT_CODES);
  settle(program, context);
  const commands = [
    workerCommand(context),
    checkCommand(context),
    migrateCommand(context),
    pruneCommand(context),
    enqueueCommand(context),
    runCommand(context),
    listCommand(context),
    showCommand(context),
    retryCommand(context),
    cancelCommand(context),
    pauseCommand(context),
    resumeCommand(context),
    statsCommand(context),
  ];
  for (const command of commands) {
    command.copyInheritedSettings(program);
    program.addCommand(command);
  }
  program.helpCommand("help [command]", "explain a command");
  return program;
}

function settle(program: Command, { io }: CliContext): void {
  const style = createStyler(io.stdout, io.env);
  program
    .exitOverride()
    .showHelpAfterError("(add --help for help)")
    .configureHelp({
      showGlobalOptions: true,
      subcommandTerm: termOf,
      styleTitle: (text) => style("bold", text),
      styleCommandText: (text) => style("cyan", text),
      styleOptionTerm: (text) => style("cyan", text),
      styleSubcommandTerm: (text) => style("cyan", text),
    })
    .configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      writeErr: (text) => void io.stderr.write(text),
      getOutHelpWidth: () => io.stdout.columns ?? 80,
      getErrHelpWidth: () => io.stderr.columns ?? 80,
      getOutHasColors: () => hasColors(io.stdout, io.env),
      getErrHasColors: () => hasColors(io.stderr, io.env),
      outputError: (text, write) => {
        write(text.replace(/^error:/, createStyler(io.stderr, io.env)("red", "error:")));
      },
    });
}

/** The command and its arguments; that it has options goes without saying. */
function termOf(command: Command): string {
  const words = command.registeredArguments.map((argument) => {
    const name = argument.variadic ? `${argument.name()}...` : argument.name();
    return argument.required ? `<${name}>` : `[${name}]`;
  });
  return [command.name(), ...words].join(" ");
}

function readVersion(): string {
  const manifest = JSON.parse(
    readFileSync(new URL("../package.json", import.meta.url), "utf8"),
  ) as { readonly version: string };
  return manifest.version;
}
