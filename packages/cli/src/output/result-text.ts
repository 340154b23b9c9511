import type { TaskResult } from "@tasks/core";

import { escapeLines, escapeText, toSafeJson } from "./escape.ts";
import { styleOfState, type Styler } from "./styles.ts";
import { formatRelative } from "./time.ts";

const LABEL_WIDTH = 12;

/** Everything about one result, as lines for people. */
export function describeResult(result: TaskResult, now: Date, style: Styler): string[] {
  const field = (label: string, text: string): string =>
    `${style("bold", label.padEnd(LABEL_WIDTH))} ${text}`;
  const time = (label: string, moment: Date | null): string[] =>
    moment === null
      ? []
      : [field(label, `${moment.toISOString()} (${formatRelative(moment, now)})`)];
  const lines = [
    field("id", escapeText(result.id)),
    field("task", escapeText(result.taskName)),
    field("state", `${style(styleOfState(result.state), result.state)} (${result.status})`),
    field("queue", escapeText(result.queueName)),
    field("backend", escapeText(result.backend)),
    field("priority", String(result.priority)),
    field("args", toSafeJson(result.args)),
    ...time("run after", result.runAfter),
    ...time("enqueued", result.enqueuedAt),
    ...time("started", result.startedAt),
    ...(result.attempts > 1 ? time("last attempt", result.lastAttemptedAt) : []),
    ...time("finished", result.finishedAt),
    field("attempts", String(result.attempts)),
  ];
  if (result.workerIds.length > 0) {
    const more = result.attempts > result.workerIds.length ? ", …" : "";
    const workers = [...new Set(result.workerIds)].map(escapeText).join(", ");
    lines.push(field("workers", workers + more));
  }
  if (Object.keys(result.metadata).length > 0) {
    lines.push(field("metadata", toSafeJson(result.metadata)));
  }
  if (result.progress !== null) lines.push(field("progress", toSafeJson(result.progress)));
  if (result.status === "SUCCESSFUL") lines.push(field("returned", toSafeJson(result.returnValue)));
  for (const [index, error] of result.errors.entries()) {
    if (index === 1 && result.errorsOmitted > 0) {
      lines.push("", style("dim", `${result.errorsOmitted} errors left out`));
    }
    const when = error.attempt === 0 ? "Before any attempt" : `Attempt ${error.attempt}`;
    const [title = "", ...rest] = escapeLines(
      error.traceback || `${error.exceptionClass}: ${error.message}`,
    );
    lines.push("", style("red", `${when}: ${title}`), ...rest.map((line) => `  ${line}`));
  }
  if (result.logs.length > 0) lines.push("", style("bold", "Log"));
  for (const { loggedAt, level, message } of result.logs) {
    const [first = "", ...rest] = escapeLines(message);
    lines.push(`  ${style("dim", loggedAt.toISOString())} ${level.padEnd(5)} ${first}`);
    lines.push(...rest.map((line) => `    ${line}`));
  }
  return lines;
}
