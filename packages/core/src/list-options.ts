import type { ListOptions } from "./backend.ts";
import { assertOneOf, assertWhole } from "./internal/assert-option.ts";
import { assertKnownOptions } from "./known-options.ts";
import { TASK_STATES, TASK_STATUSES } from "./task-record.ts";

const KNOWN = {
  status: 1,
  state: 1,
  queueName: 1,
  taskName: 1,
  limit: 1,
  cursor: 1,
};

/** @throws InvalidOption for a bad value or an unknown option. */
export function assertListOptions(options: ListOptions): void {
  assertKnownOptions("list()", options, KNOWN);
  const { status, state, limit } = options;
  if (status !== undefined) assertOneOf("status", status, TASK_STATUSES);
  if (state !== undefined) assertOneOf("state", state, TASK_STATES);
  if (limit !== undefined) assertWhole("limit", limit, 1, 1000);
}
