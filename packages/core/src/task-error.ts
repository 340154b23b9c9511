import { boundedText } from "./redact.ts";
import type { TaskError } from "./task-record.ts";

/** Longest stored message, in characters. */
const MAX_MESSAGE_LENGTH = 10_000;
/** Longest stored traceback, in characters. */
const MAX_TRACEBACK_LENGTH = 64_000;

/** Most errors of a chain of causes that a traceback shows. */
const MAX_CAUSES = 10;

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
      if (thrown instanceof Error) {
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

function messageOf(thrown: unknown): string {
  return (
    attemptText(() => {
      if (thrown instanceof Error) return String(thrown.message);
      if (typeof thrown === "object" && thrown !== null) return JSON.stringify(thrown);
      return String(thrown);
    }) ?? "The thrown value could not be read."
  );
}

/** Causes first, the thrown error last, so that a traceback ends with what was thrown. */
function tracebackOf(thrown: unknown): string {
  const chain = [thrown];
  while (chain.length < MAX_CAUSES) {
    const cause = causeOf(chain.at(-1));
    if (cause === undefined || cause === null || chain.includes(cause)) break;
    chain.push(cause);
  }
  return chain.reverse().map(stackOf).join("\n\nThe above was the cause of:\n\n");
}

function causeOf(error: unknown): unknown {
  try {
    return error instanceof Error ? error.cause : undefined;
  } catch {
    return undefined;
  }
}

function stackOf(error: unknown): string {
  const title = `${classOf(error)}: ${messageOf(error)}`;
  const stack = attemptText(() => (error instanceof Error ? error.stack : undefined));
  if (stack === undefined) return title;
  // V8's stack opens with the title, which may span lines; frames begin at the first "    at ".
  const start = stack.search(/^ {4}at /m);
  const frames = start === -1 ? "" : framesOfTask(stack.slice(start));
  // Like upstream's, the traceback ends with class and message.
  return frames === "" ? title : `${frames}\n${title}`;
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
