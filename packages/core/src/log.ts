import { inspectValue } from "./internal/inspect-value.ts";
import { ofProcess } from "./process-state.ts";
import { redact } from "./redact.ts";
import { Signal } from "./signal.ts";

/** Severity of a log record. */
export type LogLevel = "debug" | "info" | "warn" | "error";

/** One line the framework has to say. */
export interface LogRecord {
  readonly level: LogLevel;
  /** One line, except where a traceback follows. */
  readonly message: string;
  /** The result it is about. */
  readonly taskId?: string | undefined;
  /** What went wrong, where something did: an error of the framework's, or the stored `TaskError` of a task, whose traceback the message holds. */
  readonly error?: unknown;
}

/**
 * Everything the framework logs.
 *
 * Connect your logger: `taskLog.connect((record) => pino[record.level](record.message))`. As long as nothing is connected, warnings and errors go to
 * stderr, and the rest nowhere.
 */
export const taskLog: Signal<LogRecord> = /* @__PURE__ */ ofProcess(
  "taskLog",
  () => new Signal<LogRecord>(printError),
);

/** Logs a record; costs nothing when nobody would see it. */
export function log(
  level: LogLevel,
  message: string,
  details?: Pick<LogRecord, "taskId" | "error">,
): void {
  if (taskLog.hasReceivers) void taskLog.send({ level, message, ...details });
  else if (level === "warn" || level === "error") print(level, message, details?.error);
}

/** Tells whether a record of this level would be seen by anyone, before its text is built. */
export function isLogged(level: LogLevel): boolean {
  return taskLog.hasReceivers || level === "warn" || level === "error";
}

function isStoredError(error: unknown): boolean {
  return typeof error === "object" && error !== null && "traceback" in error;
}

function print(level: "warn" | "error", message: string, error: unknown): void {
  // The message already holds the traceback of a task.
  const isTold = error === undefined || isStoredError(error);
  const text = isTold ? message : `${message} ${inspectValue(error)}`;
  // Continued lines are indented and control characters shown, so that no task can write lines of its own or command the terminal.
  console[level](redact(text).replace(/\r?\n/g, "\n    ").replace(CONTROL, escape));
}

function escape(control: string): string {
  return `\\x${control.charCodeAt(0).toString(16).padStart(2, "0")}`;
}

/** Control characters but line feed and tab. */
// oxlint-disable-next-line no-control-regex -- that is what is looked for
const CONTROL = /[\0-\x08\x0b-\x1f\x7f-\x9f]/g;

function printError(error: unknown): void {
  print("error", "A receiver of taskLog failed:", error);
}
