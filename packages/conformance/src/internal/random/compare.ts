import assert from "node:assert/strict";

import type { TaskRecord } from "@tasks/core";

const TIMES = ["enqueuedAt", "runAfter", "startedAt", "lastAttemptedAt", "finishedAt"] as const;
/** How far the clock of the store may be from that of the process, and how long a call may take, in milliseconds. */
const MAX_SKEW_MS = 600_000;

/**
 * Holds a record to the model's. Times need only be near; the model then goes on with those of the backend, so that the order of its claims is the same.
 *
 * @returns the model's record with the backend's times.
 */
export function compareRecords(actual: TaskRecord | undefined, model: TaskRecord): TaskRecord {
  assert.ok(actual !== undefined, `result ${model.id} exists`);
  assert.deepEqual(timeless(actual), timeless(model));
  const times: Partial<Record<(typeof TIMES)[number], Date | null>> = {};
  for (const name of TIMES) {
    const found: Date | null = actual[name];
    const expected: Date | null = model[name];
    assert.equal(found === null, expected === null, `${name} is ${String(found)}`);
    const apartMs = Math.abs((found?.getTime() ?? 0) - (expected?.getTime() ?? 0));
    assert.ok(apartMs < MAX_SKEW_MS, `${name} is ${apartMs} ms from ${String(expected)}`);
    times[name] = found;
  }
  return { ...model, ...times } as TaskRecord;
}

/** What does not depend on a clock. */
function timeless(record: TaskRecord): object {
  const { errors, logs, blocked: _blocked, ...rest } = record;
  const plain = Object.fromEntries(
    Object.entries(rest).filter(([name]) => !TIMES.includes(name as never)),
  );
  return {
    ...plain,
    errors: errors.map(({ exceptionClass, message, attempt, workerId }) => ({
      exceptionClass,
      message,
      attempt,
      workerId,
    })),
    logs: logs.map(({ level, message, attempt }) => ({ level, message, attempt })),
  };
}
