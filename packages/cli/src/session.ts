import { setTimeout as sleep } from "node:timers/promises";

import type { Backend, LogLevel } from "@tasks/core";
import type { Command } from "commander";

import { findConfig, loadConfig, type LoadedConfig } from "./config.ts";
import { UsageError } from "./errors.ts";
import type { CliIo, OutputStream } from "./io.ts";
import {
  createLogPrinter,
  levelOf,
  type LogPrinter,
  type Verbosity,
} from "./output/log-printer.ts";
import { importTaskModules } from "./task-modules.ts";

/** What every command shares. */
export interface CliContext {
  readonly io: CliIo;
  /** The command line as it was given, without interpreter and script. */
  readonly argv: readonly string[];
  /** What the process answers; commands set it. */
  exitCode: number;
}

/** Options of the whole program. */
export interface GlobalOptions {
  readonly config?: string | undefined;
  readonly verbosity: Verbosity;
}

/** Options of a session. */
export interface SessionOptions {
  /** Import the task modules. @default false */
  readonly tasks?: boolean | undefined;
  /** Where log lines go. @default stderr */
  readonly logStream?: OutputStream | undefined;
  /** Log lines as JSON. @default false */
  readonly logJson?: boolean | undefined;
  /** Least level of log lines at verbosity 1. @default "warn" */
  readonly logLevel?: LogLevel | undefined;
  /** The result whose own log lines are left out at verbosity 1, because the command tells of it anyway. */
  readonly toldTaskId?: string | undefined;
}

/** A loaded project, while a command works with it. */
export interface Session {
  readonly io: CliIo;
  readonly loaded: LoadedConfig;
  /** Absolute paths of the imported task modules. */
  readonly taskModules: readonly string[];
  readonly logs: LogPrinter;
  /** The backend of an alias. @throws UsageError when there is none. */
  readonly backend: (alias: string) => Backend;
  /** Every configured alias. */
  readonly aliases: () => readonly string[];
}

/** Longest wait for backends to close, in milliseconds. */
const CLOSE_TIMEOUT_MS = 2000;

/** Loads the project, runs a function with it and closes it again. Resolves with the function's answer. */
export async function withSession<T>(
  context: CliContext,
  command: Command,
  options: SessionOptions,
  fn: (session: Session) => Promise<T>,
): Promise<T> {
  const { io } = context;
  const { config: given, verbosity } = command.optsWithGlobals<GlobalOptions>();
  using logs = createLogPrinter({
    stream: options.logStream ?? io.stderr,
    env: io.env,
    level: verbosity === 1 ? (options.logLevel ?? "warn") : levelOf(verbosity),
    json: options.logJson,
    withoutTaskId: verbosity === 1 ? options.toldTaskId : undefined,
  });
  const loaded = await loadConfig(findConfig(io.cwd, given));
  try {
    const taskModules = options.tasks === true ? await importTaskModules(loaded) : [];
    return await fn({
      io,
      loaded,
      taskModules,
      logs,
      backend: (alias) => backendOf(loaded, alias),
      aliases: () => loaded.config.backends.aliases(),
    });
  } finally {
    await closeWithin(loaded, logs);
  }
}

function backendOf({ config }: LoadedConfig, alias: string): Backend {
  const aliases = config.backends.aliases();
  if (!aliases.includes(alias)) {
    const known = aliases.length === 0 ? "none" : aliases.join(", ");
    throw new UsageError(
      `The connection '${alias}' doesn't exist. Backends of this configuration: ${known}.`,
    );
  }
  return config.backends.get(alias);
}

/** A store that is out of reach must not keep a finished command from ending. */
async function closeWithin({ config }: LoadedConfig, logs: LogPrinter): Promise<void> {
  const giveUp = new AbortController();
  const closed = config.close().catch((error: unknown) => {
    logs.log("warn", "The backends could not be closed.", { error });
  });
  const timeout = sleep(CLOSE_TIMEOUT_MS, undefined, { signal: giveUp.signal }).catch(() => {});
  await Promise.race([closed, timeout]);
  giveUp.abort();
}
