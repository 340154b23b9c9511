import { AssertionError } from "node:assert";

import { formatShort } from "./internal/trace.ts";
import { topicOf, type Requirement } from "./requirement.ts";

/** Why a requirement failed, in its own words. */
export interface Failure {
  /** What the backend promises. */
  readonly promise: string;
  /** The latest calls of the test that changed something, oldest first. */
  readonly done: readonly string[];
  /** What the test looked at last, where it says so. */
  readonly about: string | null;
  readonly expected: string | null;
  readonly found: string | null;
  /** The file of the requirement, inside the package. */
  readonly source: string;
}

/** The file of a requirement, inside the package. */
export function sourceOf(requirement: Pick<Requirement, "id">): string {
  return `src/requirements/${topicOf(requirement)}.ts`;
}

/** Puts an error of a requirement's test into the requirement's words. */
export function describeFailure(
  requirement: Pick<Requirement, "id" | "sentence">,
  error: unknown,
  done: readonly string[],
): Failure {
  const isComparison = error instanceof AssertionError && "expected" in error;
  const message = error instanceof Error ? error.message : String(error);
  const hasValues = isComparison && error.operator !== "fail" && error.operator !== "==";
  const isGenerated = isComparison && error.generatedMessage;
  return {
    promise: requirement.sentence,
    done,
    // Behind its first line the message of a comparison repeats the values.
    about: isGenerated ? null : hasValues ? message.split("\n")[0]! : message,
    expected: hasValues ? formatShort(error.expected) : null,
    found: hasValues ? formatShort(error.actual) : null,
    source: sourceOf(requirement),
  };
}

/** A failure as the message of an error. */
export function formatFailure({ promise, done, about, expected, found, source }: Failure): string {
  const lines = [
    `Broken promise: ${promise}`,
    ...(done.length > 0 ? [`  done:     ${done.join(", ")}`] : []),
    ...(about === null ? [] : [`  about:    ${about.replaceAll("\n", "\n            ")}`]),
    ...(expected === null ? [] : [`  expected: ${expected}`]),
    ...(found === null ? [] : [`  found:    ${found}`]),
    `  source:   @tasks/conformance/${source}`,
  ];
  return lines.join("\n");
}
