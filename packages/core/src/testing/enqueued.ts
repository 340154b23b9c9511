import { AssertionError } from "node:assert";
import { isDeepStrictEqual } from "node:util";
import { isDate } from "node:util/types";

import type { Backend } from "../backend.ts";
import type { DummyBackend } from "../backends/dummy-backend.ts";
import { taskBackends } from "../configuration.ts";
import { NotSupported } from "../errors.ts";
import { normalizeJson } from "../json.ts";
import { assertKnownOptions } from "../known-options.ts";
import type { AnyTask } from "../registry.ts";
import { checkedRunAfter, toMilliseconds, type RunAfter } from "../run-after.ts";
import { DEFAULT_TASK_BACKEND_ALIAS } from "../task-options.ts";
import type { TaskResult } from "../task-result.ts";
import { isDummyBackend } from "./is-dummy-backend.ts";

/** Which backend to look at. */
export interface EnqueuedOptions {
  /** A `DummyBackend`, or its alias. @default "default" */
  readonly backend?: string | Backend | undefined;
  /** Only results of this task. */
  readonly task?: AnyTask | undefined;
}

/** What an enqueued task is expected to look like; what is left out may be anything. */
export interface ExpectedEnqueue {
  readonly task: AnyTask;
  readonly args?: readonly unknown[] | undefined;
  readonly queueName?: string | undefined;
  readonly priority?: number | undefined;
  /** A moment, a delay counted from the enqueue, or `null` for "not deferred". */
  readonly runAfter?: RunAfter | null | undefined;
  readonly metadata?: object | undefined;
  /** A `DummyBackend`, or its alias. @default "default" */
  readonly backend?: string | Backend | undefined;
}

/** What was enqueued on a `DummyBackend` in this scope, in order. */
export function enqueued(options: EnqueuedOptions = {}): readonly TaskResult[] {
  assertKnownOptions("enqueued()", options, { backend: 1, task: 1 });
  const { results } = dummyBackend(options.backend);
  const { task } = options;
  return task === undefined ? results : results.filter(({ taskName }) => taskName === task.name);
}

/**
 * Asserts that a matching task was enqueued, and gives back its result.
 *
 * @throws InvalidOption; AssertionError that shows the nearest misses and how they differ.
 */
export function expectEnqueued(expected: ExpectedEnqueue): TaskResult {
  assertKnownOptions("expectEnqueued()", expected, EXPECTED);
  const { results } = dummyBackend(expected.backend);
  const compared = results.map((result) => ({
    result,
    differences: differences(expected, result),
  }));
  const match = compared.find((candidate) => candidate.differences.length === 0);
  if (match !== undefined) return match.result;
  throw new AssertionError({
    message: describeMisses(expected, compared),
    operator: "expectEnqueued",
    stackStartFn: expectEnqueued,
  });
}

const EXPECTED: Readonly<Record<keyof ExpectedEnqueue, 1>> = {
  task: 1,
  args: 1,
  queueName: 1,
  priority: 1,
  runAfter: 1,
  metadata: 1,
  backend: 1,
};

interface Difference {
  readonly field: string;
  readonly expected: unknown;
  readonly actual: unknown;
}

interface Compared {
  readonly result: TaskResult;
  readonly differences: readonly Difference[];
}

function dummyBackend(chosen: string | Backend = DEFAULT_TASK_BACKEND_ALIAS): DummyBackend {
  const backend = typeof chosen === "string" ? taskBackends.get(chosen) : chosen;
  if (isDummyBackend(backend)) return backend;
  throw new NotSupported(
    `Only a DummyBackend can tell what was enqueued, not ${backend.constructor.name}. Run the code inside withBackends({ default: new DummyBackend() }, …).`,
  );
}

function differences(expected: ExpectedEnqueue, result: TaskResult): Difference[] {
  const found: Difference[] = [];
  const compare = (field: string, wanted: unknown, actual: unknown): void => {
    if (wanted === undefined) return;
    if (isDeepStrictEqual(ofThisRealm(wanted), ofThisRealm(actual))) return;
    found.push({ field, expected: wanted, actual });
  };
  compare("task", expected.task.name, result.taskName);
  compare("args", expected.args, result.args);
  compare("queueName", expected.queueName, result.queueName);
  compare("priority", expected.priority, result.priority);
  compare("runAfter", expectedMoment(expected.runAfter, result), result.runAfter);
  compare("metadata", expected.metadata, result.metadata);
  return found;
}

/** A copy without prototypes of another realm. Under Jest a test has a realm of its own, and what Node makes is of another: a strict comparison tells them apart. */
function ofThisRealm(value: unknown): unknown {
  if (isDate(value)) return new Date(value.getTime());
  return value === null || typeof value === "string" ? value : normalized(value);
}

function normalized(value: unknown): unknown {
  try {
    return normalizeJson(value);
  } catch {
    return value;
  }
}

function expectedMoment(
  runAfter: RunAfter | null | undefined,
  result: TaskResult,
): Date | null | undefined {
  if (runAfter === undefined) return undefined;
  const checked = checkedRunAfter(runAfter);
  if (checked === null || isDate(checked)) return checked;
  return new Date(result.enqueuedAt.getTime() + toMilliseconds(checked));
}

function describeMisses(expected: ExpectedEnqueue, compared: readonly Compared[]): string {
  const title = `Expected task '${expected.task.name}' to be enqueued`;
  if (compared.length === 0) return `${title}, but nothing was enqueued.`;
  const nearest = [...compared]
    .sort((a, b) => distance(a) - distance(b))
    .slice(0, 3)
    .map(describeMiss);
  const count = compared.length === 1 ? "1 task was" : `${compared.length} tasks were`;
  return `${title}, but no result matches. ${count} enqueued; nearest:\n\n${nearest.join("\n\n")}`;
}

/** Another task is a farther miss than any number of other differences. */
function distance({ differences: found }: Compared): number {
  return found.length + (found.some(({ field }) => field === "task") ? 100 : 0);
}

function describeMiss({ result, differences: found }: Compared): string {
  const lines = found.map(
    ({ field, expected, actual }) =>
      `  ${field}\n    expected: ${show(expected)}\n    actual:   ${show(actual)}`,
  );
  return `${result.taskName}(${result.args.map(show).join(", ")})\n${lines.join("\n")}`;
}

function show(value: unknown): string {
  const text = isDate(value) ? value.toISOString() : (JSON.stringify(value) ?? "undefined");
  return text.length > 300 ? `${text.slice(0, 300)}…` : text;
}
