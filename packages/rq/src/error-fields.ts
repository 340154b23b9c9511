import type { TaskError } from "@tasks/core";

import { isObject, jsonArray, toIsoDate, toNumber, toText } from "./stored-json.ts";

/** Errors as fields: a traceback is kept once, where BullMQ's tools look for it. */
export function errorFields(errors: readonly TaskError[]): string[] {
  const kept = errors.map(({ traceback: _traceback, ...error }) => error);
  const fields = [
    "errors",
    JSON.stringify(kept),
    "stacktrace",
    JSON.stringify(errors.map(toStack)),
  ];
  const last = errors.at(-1);
  return last === undefined ? fields : [...fields, "failedReason", last.message];
}

/** Reads the fields `errors` and `stacktrace`. */
export function readErrors(
  text: string | undefined,
  stacktrace: string | undefined,
): readonly TaskError[] {
  if (text === undefined) return [];
  const stacks = jsonArray(stacktrace);
  return jsonArray(text)
    .filter(isObject)
    .map((entry, index) => {
      const exceptionClass = toText(entry["exceptionClass"]);
      const message = toText(entry["message"]);
      return {
        exceptionClass,
        message,
        traceback: toTraceback({ exceptionClass, message }, toText(stacks[index])),
        attempt: toNumber(entry["attempt"]),
        workerId: typeof entry["workerId"] === "string" ? entry["workerId"] : null,
        occurredAt: toIsoDate(entry["occurredAt"]),
      };
    });
}

/** Our tracebacks end with class and message; tools show the beginning of a stack. */
function toStack(error: TaskError): string {
  const { traceback } = error;
  const title = titleOf(error);
  if (!traceback.endsWith(`\n${title}`)) return traceback;
  return `${title}\n${traceback.slice(0, -title.length - 1)}`;
}

function toTraceback(error: Pick<TaskError, "exceptionClass" | "message">, stack: string): string {
  const title = titleOf(error);
  return stack.startsWith(`${title}\n`) ? `${stack.slice(title.length + 1)}\n${title}` : stack;
}

function titleOf({
  exceptionClass,
  message,
}: Pick<TaskError, "exceptionClass" | "message">): string {
  return `${exceptionClass}: ${message}`;
}
