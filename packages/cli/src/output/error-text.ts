import { isNativeError } from "node:util/types";

import { redact } from "@tasks/core";

import { escapeLines } from "./escape.ts";

/** How much of an error is told. */
export interface DescribeErrorOptions {
  /** Tell where each error was thrown. @default false */
  readonly stack?: boolean | undefined;
}

const MOST_CAUSES = 10;

/** An error and its causes as lines for people: escaped, without credentials. */
export function describeError(error: unknown, options: DescribeErrorOptions = {}): string[] {
  const lines: string[] = [];
  let current = error;
  for (let depth = 0; depth < MOST_CAUSES && current !== undefined && current !== null; depth++) {
    const text = redact(textOf(current, options.stack === true));
    const [first = "", ...rest] = escapeLines(text);
    // Wrapping errors like to end in what they wrap.
    const isTold = options.stack !== true && lines.at(-1)?.endsWith(text) === true;
    if (!isTold) lines.push(depth === 0 ? first : `Cause: ${first}`, ...rest);
    current = isNativeError(current) ? current.cause : undefined;
  }
  return lines;
}

function textOf(error: unknown, stack: boolean): string {
  if (!isNativeError(error)) return String(error);
  if (stack && typeof error.stack === "string") return error.stack;
  // An aggregate often has no message of its own.
  if (error.message === "" && "errors" in error && Array.isArray(error.errors)) {
    return error.errors.map((one) => textOf(one, false)).join("; ");
  }
  return error.message === "" ? error.name : error.message;
}
