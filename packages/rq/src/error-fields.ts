import type { TaskError, TaskRecord } from "@tasks/core";
import { gapOf, isGap, withGap } from "@tasks/core/worker";

import { isObject, jsonArray, toIsoDate, toNumber, toText } from "./stored-json.ts";

/** Errors as fields: a traceback is kept once, where BullMQ's tools look for it. */
export function errorFields({
  errors,
  errorsOmitted,
}: Pick<TaskRecord, "errors" | "errorsOmitted">): string[] {
  const kept = errors.map(({ traceback: _traceback, ...error }) => error);
  const fields = [
    "errors",
    JSON.stringify(withGap(kept, errorsOmitted)),
    "stacktrace",
    JSON.stringify(errors.map(({ traceback }) => traceback)),
  ];
  const last = errors.at(-1);
  return last === undefined ? fields : [...fields, "failedReason", last.message];
}

/** Reads the fields `errors` and `stacktrace`. */
export function readErrors(
  text: string | undefined,
  stacktrace: string | undefined,
): Pick<TaskRecord, "errors" | "errorsOmitted"> {
  if (text === undefined) return { errors: [], errorsOmitted: 0 };
  const stacks = jsonArray(stacktrace);
  const list = jsonArray(text);
  const errors = list
    .filter(isObject)
    .filter((entry) => !isGap(entry))
    .map((entry, index): TaskError => ({
      exceptionClass: toText(entry["exceptionClass"]),
      message: toText(entry["message"]),
      traceback: toText(stacks[index]),
      attempt: toNumber(entry["attempt"]),
      workerId: typeof entry["workerId"] === "string" ? entry["workerId"] : null,
      occurredAt: toIsoDate(entry["occurredAt"]),
    }));
  return { errors, errorsOmitted: gapOf(list) };
}
