import { assertBackoff, type Backoff } from "./backoff.ts";
import { InvalidTask } from "./errors.ts";
import { assertOneOf, assertWhole, wrongOption } from "./internal/assert-option.ts";
import { show } from "./internal/show.ts";
import { normalizeJson, type JsonObject } from "./json.ts";
import { assertKnownOptions } from "./known-options.ts";
import { checkedRunAfter, type Moment, type RunAfter } from "./run-after.ts";
import type { StandardSchema } from "./standard-schema.ts";

/** Alias of the backend that is used when none is named. */
export const DEFAULT_TASK_BACKEND_ALIAS = "default";
/** Queue that is used when none is named. */
export const DEFAULT_TASK_QUEUE_NAME = "default";
/** The priority of tasks that name none. */
export const DEFAULT_TASK_PRIORITY = 0;
/** Runs last. */
export const TASK_MIN_PRIORITY: number = -100;
/** Runs first. */
export const TASK_MAX_PRIORITY = 100;

/** Only one result with the same key exists at a time. */
export interface UniqueOptions<Args extends readonly unknown[] = readonly unknown[]> {
  /** Two enqueues with the same key are duplicates. @default the arguments as JSON, whatever the order of properties */
  readonly key?: ((...args: Args) => string) | undefined;
  /** How long the key is taken: until the first attempt starts, until the result is finished, or for a time after the enqueue. */
  readonly scope: "until-started" | "until-finished" | { readonly windowMs: number };
  /** Give back the existing result with `deduplicated: true`, or reject with `DuplicateTask`. @default "return-existing" */
  readonly onConflict?: "return-existing" | "reject" | undefined;
}

/** At most `limit` attempts with the same key run at once, across all workers. */
export interface ConcurrencyOptions<Args extends readonly unknown[] = readonly unknown[]> {
  /** @default one key for the whole task */
  readonly key?: ((...args: Args) => string) | undefined;
  /** At least 1. With 1, tasks of a key run in enqueue order. */
  readonly limit: number;
}

/** Options of `task()`. */
export interface TaskOptions<Args extends readonly unknown[] = readonly unknown[]> {
  /** Stable identity, stored by backends; unique per process: `[A-Za-z_][A-Za-z0-9_.:-]{0,127}`. @default the function's name */
  readonly name?: string | undefined;
  /** `[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}`. @default "default" */
  readonly queueName?: string | undefined;
  /** Whole number −100…100, larger runs sooner. @default 0 */
  readonly priority?: number | undefined;
  /** Alias in the configuration. @default "default" */
  readonly backend?: string | undefined;
  /** The function receives a `TaskContext` first. @default false */
  readonly takesContext?: boolean | undefined;
  /** A Standard Schema (zod, valibot, arktype …) of the task's one argument. */
  readonly input?: StandardSchema | undefined;
  /** How often a task that throws is tried, 1…1,000,000. @default 1 */
  readonly maxAttempts?: number | undefined;
  /** How long to wait before the next attempt. @default exponential from one second, with jitter */
  readonly backoff?: Backoff | undefined;
  /** How often an attempt whose worker vanished is given to another worker; 0 is at most once. @default 3 */
  readonly maxLost?: number | undefined;
  /** Longest attempt, in milliseconds, from 1. @default none */
  readonly timeoutMs?: number | undefined;
  /** @default none */
  readonly unique?: UniqueOptions<Args> | undefined;
  /** @default none */
  readonly concurrency?: ConcurrencyOptions<Args> | undefined;
  /** JSON object carried with the task. @default {} */
  readonly metadata?: object | undefined;
}

/** What `using()` can change. A missing option stays as it is. */
export interface UsingOptions {
  /** Whole number −100…100, larger runs sooner. */
  readonly priority?: number | undefined;
  /** One of the backend's queues. */
  readonly queueName?: string | undefined;
  /** A moment, a delay from the enqueue, or `null` to run as soon as possible. */
  readonly runAfter?: RunAfter | Moment | null | undefined;
  /** Alias in the configuration. */
  readonly backend?: string | undefined;
  /** Replaces the metadata; `{}` clears it. */
  readonly metadata?: object | undefined;
  /**
   * Id of the result, `[A-Za-z0-9_.:-]{1,64}`; `null` for a new one. While the backend has a result of this id, enqueueing stores nothing and gives that
   * result back, `deduplicated: true`.
   */
  readonly id?: string | null | undefined;
  /** Enqueue inside this transaction of the caller; `null` for none. */
  readonly transaction?: unknown;
}

/** Options after defaults and checks. */
export interface TaskSettings {
  readonly name: string;
  readonly queueName: string;
  readonly priority: number;
  readonly backend: string;
  readonly runAfter: RunAfter | null;
  readonly takesContext: boolean;
  readonly input: StandardSchema | null;
  readonly maxAttempts: number;
  readonly backoff: Backoff;
  readonly maxLost: number;
  readonly timeoutMs: number | null;
  readonly unique: UniqueOptions<never> | null;
  readonly concurrency: ConcurrencyOptions<never> | null;
  readonly metadata: JsonObject;
  readonly id: string | null;
  readonly transaction: unknown;
}

const DEFAULTS = {
  name: "",
  queueName: DEFAULT_TASK_QUEUE_NAME,
  priority: DEFAULT_TASK_PRIORITY,
  backend: DEFAULT_TASK_BACKEND_ALIAS,
  takesContext: false,
  input: null,
  maxAttempts: 1,
  backoff: {},
  maxLost: 3,
  timeoutMs: null,
  unique: null,
  concurrency: null,
  metadata: {},
} as const satisfies Omit<TaskSettings, "runAfter" | "id" | "transaction">;
const CHANGES = {
  priority: 1,
  queueName: 1,
  runAfter: 1,
  backend: 1,
  metadata: 1,
  id: 1,
  transaction: 1,
} as const satisfies Record<keyof UsingOptions, 1>;

/**
 * Applies defaults and checks everything that needs no backend.
 *
 * @throws InvalidTask for a bad value; TypeError for an unknown option, `runAfter` included.
 */
export function resolveTaskOptions(
  options: TaskOptions<never>,
  functionName: string,
): TaskSettings {
  if ("runAfter" in options) {
    throw new TypeError(
      "runAfter cannot be defined statically on a task. Use .using({ runAfter }) when you enqueue it.",
    );
  }
  const settings: TaskSettings = {
    ...DEFAULTS,
    name: functionName,
    ...givenOptions("task()", options, DEFAULTS),
    metadata: checkedMetadata(options.metadata ?? {}),
    runAfter: null,
    id: null,
    transaction: null,
  };
  if (options.name === undefined) assertOwnName(functionName);
  assertTaskName(settings.name);
  assertSettings(settings);
  assertWhole("maxAttempts", settings.maxAttempts, 1, 1_000_000, InvalidTask);
  assertWhole("maxLost", settings.maxLost, 0, 1_000_000, InvalidTask);
  if (settings.timeoutMs !== null) {
    assertWhole("timeoutMs", settings.timeoutMs, 1, 2 ** 31 - 1, InvalidTask);
  }
  assertBackoff(settings.backoff);
  assertInput(settings.input);
  if (settings.unique !== null) assertUnique(settings.unique);
  if (settings.concurrency !== null) assertConcurrency(settings.concurrency);
  return settings;
}

/**
 * Settings with the changes of `using()`.
 *
 * @throws InvalidTask for a bad value; TypeError for an unknown option.
 */
export function changeTaskSettings(settings: TaskSettings, changes: UsingOptions): TaskSettings {
  const { runAfter, metadata, ...others } = givenOptions("using()", changes, CHANGES);
  const changed: TaskSettings = {
    ...settings,
    ...others,
    ...(runAfter !== undefined && { runAfter: checkedRunAfter(runAfter) }),
    ...(metadata !== undefined && { metadata: checkedMetadata(metadata) }),
  };
  assertSettings(changed);
  return changed;
}

/** What both a definition and `using()` can set. */
function assertSettings({ queueName, priority, backend, id }: TaskSettings): void {
  assertQueueName(queueName);
  assertPriority(priority);
  if (id !== null && !isTaskId(id)) {
    throw wrongOption("id", '1 to 64 letters, digits, "_", ".", ":" and "-"', id);
  }
  if (typeof backend === "string" && backend !== "") return;
  throw wrongOption("backend", "a non-empty string", backend, InvalidTask);
}

/** Options without those that are `undefined`. @throws TypeError for an unknown one. */
function givenOptions<Options extends object>(
  where: string,
  options: Options,
  known: Readonly<Record<keyof Options, unknown>>,
): { [Key in keyof Options]: Exclude<Options[Key], undefined> } {
  assertKnownOptions(where, options, known, TypeError);
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given) as { [Key in keyof Options]: Exclude<Options[Key], undefined> };
}

/** @throws InvalidTask, or the given error, unless the name fits `[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}`. */
export function assertQueueName(
  queueName: unknown,
  problem: new (message: string) => Error = InvalidTask,
): asserts queueName is string {
  if (typeof queueName === "string" && /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$/.test(queueName)) return;
  throw new problem(
    `Queue name ${show(queueName)} is not valid. Use 1 to 64 letters, digits, "_", "." and "-", not beginning with "." or "-".`,
  );
}

/** Tells whether a value can be given as an id: `[A-Za-z0-9_.:-]{1,64}`. */
export function isTaskId(id: unknown): id is string {
  return typeof id === "string" && /^[\w.:-]{1,64}$/.test(id);
}

/** @throws InvalidTask unless it is a whole number from −100 to 100. */
function assertPriority(priority: unknown): asserts priority is number {
  if (
    Number.isInteger(priority) &&
    (priority as number) >= TASK_MIN_PRIORITY &&
    (priority as number) <= TASK_MAX_PRIORITY
  ) {
    return;
  }
  throw new InvalidTask("priority must be a whole number between -100 and 100.");
}

/** @throws InvalidTask with a message of its own for a non-object and for values that are not JSON. */
function checkedMetadata(metadata: unknown): JsonObject {
  if (typeof metadata !== "object" || metadata === null || Array.isArray(metadata)) {
    throw wrongOption("metadata", "an object", metadata, InvalidTask);
  }
  try {
    return Object.freeze(normalizeJson(metadata, "metadata") as JsonObject);
  } catch (cause) {
    throw new InvalidTask(`metadata must be JSON: ${(cause as Error).message}`, { cause });
  }
}

/** @throws InvalidTask when the name of a function looks made by a minifier or bundler: another bundle may give it to another function. */
function assertOwnName(functionName: string): void {
  if (!/^(.{1,2}|.[A-Z\d].|..[A-Z\d]|(.*_)?default)$/.test(functionName)) return;
  throw new InvalidTask(
    `The function's name ${show(functionName)} looks made by a minifier or bundler, which may give it to another function in another bundle. ` +
      'Name the task: task({ name: "sendReceipt" }, fn).',
  );
}

function assertTaskName(name: string): void {
  if (name === "") {
    throw new InvalidTask('A task needs a name: use a named function, or task({ name: "…" }, fn).');
  }
  if (typeof name === "string" && /^[A-Za-z_][A-Za-z0-9_.:-]{0,127}$/.test(name)) return;
  throw new InvalidTask(
    `Task name ${show(name)} is not valid. Use 1 to 128 letters, digits, "_", ".", ":" and "-", beginning with a letter or "_".`,
  );
}

function assertUnique(unique: UniqueOptions<never>): void {
  assertKnownOptions("unique", unique, { key: 1, scope: 1, onConflict: 1 }, TypeError);
  const { key, scope, onConflict = "reject" } = unique;
  assertKey("unique.key", key);
  assertOneOf("unique.onConflict", onConflict, ["return-existing", "reject"], InvalidTask);
  if (typeof scope === "object" && scope !== null) {
    assertWhole("unique.scope.windowMs", scope.windowMs, 1, Number.MAX_SAFE_INTEGER, InvalidTask);
  } else {
    assertOneOf("unique.scope", scope, ["until-started", "until-finished"], InvalidTask);
  }
}

function assertConcurrency(concurrency: ConcurrencyOptions<never>): void {
  assertKnownOptions("concurrency", concurrency, { key: 1, limit: 1 }, TypeError);
  const { key, limit } = concurrency;
  assertKey("concurrency.key", key);
  assertWhole("concurrency.limit", limit, 1, 1_000_000, InvalidTask);
}

function assertKey(option: string, key: unknown): void {
  if (key === undefined || typeof key === "function") return;
  throw wrongOption(option, "a function that returns a string", key, InvalidTask);
}

function assertInput(input: StandardSchema | null): void {
  if (input === null || typeof input["~standard"]?.validate === "function") return;
  throw wrongOption(
    "input",
    "a Standard Schema, such as one of zod, valibot or arktype",
    input,
    InvalidTask,
  );
}
