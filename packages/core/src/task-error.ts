import { inspectValue } from "./internal/inspect-value.ts";
import { isError } from "./internal/is-error.ts";
import { boundedText } from "./redact.ts";
import type { TaskError } from "./task-record.ts";

/** Longest stored message, in characters. */
const MAX_MESSAGE_LENGTH = 10_000;
/** Longest stored traceback, in characters. */
const MAX_TRACEBACK_LENGTH = 64_000;

/** Most errors that a traceback shows: of a chain of causes, and of what an `AggregateError` holds. */
const MAX_ERRORS = 10;
/** Most errors of an `AggregateError` that its message names. */
const MAX_NAMED = 3;

/**
 * Turns whatever a task threw into a record that every store can keep.
 *
 * Never throws, whatever the value does when it is read. Credentials in addresses and authorization headers are blanked, U+0000 and lone surrogates
 * replaced, long texts cut.
 */
export function toTaskError(
  thrown: unknown,
  attempt: Pick<TaskError, "attempt" | "workerId" | "occurredAt">,
): TaskError {
  return {
    exceptionClass: boundedText(classOf(thrown), 200),
    message: boundedText(messageOf(thrown), MAX_MESSAGE_LENGTH),
    traceback: boundedText(tracebackOf(thrown), MAX_TRACEBACK_LENGTH),
    ...attempt,
  };
}

function classOf(thrown: unknown): string {
  return (
    attemptText(() => {
      if (isErrorLike(thrown)) {
        // A class with a name of its own says more than the inherited "Error".
        const { name } = thrown;
        return name === "Error" ? thrown.constructor.name || name : name;
      }
      if (typeof thrown === "object" && thrown !== null)
        return thrown.constructor?.name || "Object";
      return thrown === null ? "null" : typeof thrown;
    }) ?? "Error"
  );
}

function messageOf(thrown: unknown, isPart = false): string {
  return (
    attemptText(() => {
      if (isErrorLike(thrown)) return isPart ? thrown.message : fullMessageOf(thrown);
      return typeof thrown === "string" ? thrown : inspectValue(thrown);
    }) ?? "The thrown value could not be read."
  );
}

/** An `AggregateError` often has no message, or none that tells what happened: its errors do. */
function fullMessageOf(error: Error): string {
  const own = String(error.message);
  const parts = errorsOf(error);
  if (parts.length === 0) return own;
  const named = parts.slice(0, MAX_NAMED).map((part) => messageOf(part, true));
  const more = parts.length > MAX_NAMED ? [`${parts.length - MAX_NAMED} more`] : [];
  return [...(own === "" ? [] : [own]), [...named, ...more].join("; ")].join(": ");
}

/** The thrown error first, then what it holds and what caused it, as Node prints errors. */
function tracebackOf(thrown: unknown): string {
  const sections: string[] = [];
  const seen = new Set<unknown>();
  const add = (error: unknown, label: string): void => {
    if (seen.has(error) || seen.size === MAX_ERRORS) return;
    seen.add(error);
    sections.push(label + stackOf(error));
    const parts = errorsOf(error);
    parts.forEach((part, index) => add(part, `Error ${index + 1} of ${parts.length}: `));
    const cause = causeOf(error);
    if (cause !== undefined && cause !== null) add(cause, "Caused by: ");
  };
  add(thrown, "");
  return sections.join("\n\n");
}

function causeOf(error: unknown): unknown {
  try {
    return isErrorLike(error) ? error.cause : undefined;
  } catch {
    return undefined;
  }
}

/** What an `AggregateError` holds. */
function errorsOf(error: unknown): readonly unknown[] {
  try {
    const { errors } = error as { readonly errors?: unknown };
    return isErrorLike(error) && Array.isArray(errors) ? Array.from<unknown>(errors) : [];
  } catch {
    return [];
  }
}

/** By shape, for errors of another realm that are not made by the engine, such as a `DOMException`. */
function isErrorLike(value: unknown): value is Error {
  if (isError(value)) return true;
  if (typeof value !== "object" || value === null) return false;
  const { message, stack } = value as Partial<Error>;
  return typeof message === "string" && typeof stack === "string";
}

function stackOf(error: unknown): string {
  const title = `${classOf(error)}: ${messageOf(error)}`;
  const stack = attemptText(() => (isErrorLike(error) ? error.stack : undefined));
  if (stack === undefined) return title;
  // V8's stack opens with the title, which may span lines; frames begin at the first "    at ".
  const start = stack.search(/^ {4}at /m);
  const frames = start === -1 ? "" : framesOfTask(stack.slice(start));
  return frames === "" ? title : `${title}\n${frames}`;
}

/** Without the frames of whoever called the task: always the same ones, and none of the user's. */
function framesOfTask(frames: string): string {
  const lines = frames.split("\n");
  let end = lines.findIndex((line) => RUNNER.test(line));
  if (end === -1) return frames.trimEnd();
  // What a task calls of the framework is left out up to there. A package of the user's may be called core, too.
  const folder = folderOf(lines[end]!);
  while (end > 0 && lines[end - 1]!.includes(folder)) end--;
  return lines.slice(0, end).join("\n");
}

/** The frame that runs attempts. Without repetitions, which would take for ever on a stack of megabytes. */
const RUNNER = /[/\\]core[/\\](?:dist|src)[/\\]run-attempt\.[jt]s:/;

/** The folder that a frame's file is in. */
function folderOf(frame: string): string {
  const path = frame.slice(0, frame.lastIndexOf("run-attempt."));
  return path.slice(Math.max(path.lastIndexOf(" "), path.lastIndexOf("(")) + 1);
}

function attemptText(read: () => unknown): string | undefined {
  try {
    const text = read();
    return typeof text === "string" ? text : undefined;
  } catch {
    return undefined;
  }
}
