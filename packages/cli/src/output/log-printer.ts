import { taskLog, type LogLevel, type LogRecord, type TaskError } from "@tasks/core";

import type { CliIo, OutputStream } from "../io.ts";
import { describeError } from "./error-text.ts";
import { escapeLines, toSafeJson } from "./escape.ts";
import { createStyler, type Style, type Styler } from "./styles.ts";

/** 0 errors only, 1 what happens, 2 and 3 details too. */
export type Verbosity = 0 | 1 | 2 | 3;

/** Options of a log printer. */
export interface LogPrinterOptions {
  readonly stream: OutputStream;
  readonly env: CliIo["env"];
  /** Least level that is shown. */
  readonly level: LogLevel;
  /** One JSON object per line instead of text. @default false */
  readonly json?: boolean | undefined;
  /** Leave out what is about this result. */
  readonly withoutTaskId?: string | undefined;
}

/** Writes log records of the framework and of the command. */
export interface LogPrinter extends Disposable {
  log(level: LogLevel, message: string, details?: Pick<LogRecord, "taskId" | "error">): void;
}

const SEVERITY: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };
const STYLES: Readonly<Partial<Record<LogLevel, Style>>> = {
  debug: "dim",
  warn: "yellow",
  error: "red",
};

/** Prints everything the framework logs until it is disposed. */
export function createLogPrinter(options: LogPrinterOptions): LogPrinter {
  const style = createStyler(options.stream, options.env);
  const print = (record: LogRecord): void => {
    if (SEVERITY[record.level] < SEVERITY[options.level]) return;
    if (record.taskId !== undefined && record.taskId === options.withoutTaskId) return;
    options.stream.write(options.json === true ? toJsonLine(record) : toText(record, style));
  };
  const disconnect = taskLog.connect(print);
  return {
    log: (level, message, details) => print({ level, message, ...details }),
    [Symbol.dispose]: disconnect,
  };
}

function toText(record: LogRecord, style: Styler): string {
  const [first = "", ...rest] = escapeLines(record.message);
  const name = STYLES[record.level];
  const lines = [name === undefined ? first : style(name, first)];
  // The message already holds the traceback of a task.
  const isTold = record.error === undefined || isStoredError(record.error);
  if (!isTold) rest.push(...describeError(record.error, { stack: true }));
  // Indented, so that no text from a task can pass for a line of the log.
  for (const line of rest) lines.push(`    ${line}`.trimEnd());
  return lines.map((line) => `${line}\n`).join("");
}

function toJsonLine({ level, message, taskId, error }: LogRecord): string {
  const traceback = isStoredError(error) ? error.traceback : undefined;
  const line = {
    time: new Date().toISOString(),
    level,
    message: traceback === undefined ? message : message.split("\n", 1)[0],
    taskId,
    error: traceback ?? (error === undefined ? undefined : describeErrorText(error)),
  };
  return `${toSafeJson(line)}\n`;
}

function describeErrorText(error: unknown): string {
  return describeError(error, { stack: true }).join("\n");
}

function isStoredError(error: unknown): error is TaskError {
  return typeof error === "object" && error !== null && "traceback" in error;
}

/** The least level shown at a verbosity. */
export function levelOf(verbosity: Verbosity): LogLevel {
  if (verbosity === 0) return "error";
  return verbosity === 1 ? "info" : "debug";
}
