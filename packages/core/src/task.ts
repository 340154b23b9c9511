import type { Backend } from "./backend.ts";
import { configuredBackend } from "./configuration.ts";
import { definitionSite } from "./definition-site.ts";
import { enqueueAll } from "./enqueue.ts";
import { InvalidTask, TaskResultMismatch } from "./errors.ts";
import type { JsonReturn, SurvivesJson } from "./json-types.ts";
import type { JsonObject } from "./json.ts";
import { registerTask, type AnyTask } from "./registry.ts";
import type { RunAfter } from "./run-after.ts";
import type { SchemaInput, SchemaOutput, StandardSchema } from "./standard-schema.ts";
import type { TaskContext } from "./task-context.ts";
import {
  changeTaskSettings,
  resolveTaskOptions,
  type TaskOptions,
  type TaskSettings,
  type UsingOptions,
} from "./task-options.ts";
import type { TaskResult } from "./task-result.ts";

/** A task's function as it was given: of any signature. */
// oxlint-disable-next-line typescript/no-explicit-any -- functions of any signature are stored; the types live at `task()`
export type AnyFunction = (...args: any[]) => unknown;

/**
 * A background task: a function with a stable name and the settings it is enqueued with. Frozen; make one with `task()`.
 *
 * @typeParam Args what `enqueue` takes. @typeParam Return what the result's `returnValue` is.
 */
export class Task<Args extends readonly unknown[] = readonly unknown[], Return = unknown> {
  /** The function, as given. */
  readonly fn: AnyFunction;
  /** All settings, after defaults. */
  readonly settings: TaskSettings;

  /** For `task()` and `using()`. */
  constructor(fn: AnyFunction, settings: TaskSettings) {
    this.fn = fn;
    this.settings = Object.freeze(settings);
    Object.freeze(this);
  }

  /** Stable identity, stored by backends. */
  get name(): string {
    return this.settings.name;
  }
  /** The queue it is enqueued on. */
  get queueName(): string {
    return this.settings.queueName;
  }
  /** −100…100, larger runs sooner. */
  get priority(): number {
    return this.settings.priority;
  }
  /** Alias of the backend it is enqueued on. */
  get backend(): string {
    return this.settings.backend;
  }
  /** Not before this moment, or this long after the enqueue; `null` when not deferred. */
  get runAfter(): RunAfter | null {
    return this.settings.runAfter;
  }
  /** The function receives a `TaskContext` first. */
  get takesContext(): boolean {
    return this.settings.takesContext;
  }
  /** Carried with every result. */
  get metadata(): JsonObject {
    return this.settings.metadata;
  }

  /** The backend its alias stands for in this scope. @throws InvalidTaskBackend */
  getBackend(): Backend {
    return configuredBackend(this.backend);
  }

  /**
   * A frozen copy with other settings; this task stays as it is.
   *
   * @throws InvalidTask for a bad value; TypeError for an unknown option.
   */
  using(options: UsingOptions): Task<Args, Return> {
    return new Task(this.fn, changeTaskSettings(this.settings, options));
  }

  /**
   * Stores the call, to be run by a worker. Resolves when it is durable.
   *
   * @throws InvalidTask, InvalidTaskBackend, PayloadTooLarge, DuplicateTask; TypeError for arguments that JSON cannot bring back.
   */
  async enqueue(...args: Args): Promise<TaskResult<Return>> {
    const [result] = await enqueueAll(this, [args]);
    return result as TaskResult<Return>;
  }

  /** The same as `enqueue`. */
  async delay(...args: Args): Promise<TaskResult<Return>> {
    return this.enqueue(...args);
  }

  /**
   * Enqueues many calls: checked together before any is stored, in one round trip where the backend has batches. The results are in order.
   *
   * @throws as `enqueue`.
   */
  async enqueueMany(calls: Iterable<Args>): Promise<TaskResult<Return>[]> {
    return (await enqueueAll(this, calls)) as TaskResult<Return>[];
  }

  /** Runs the function here and now, without any backend, and gives back what it returns. A task that takes a context gets one of its own. */
  async call(...args: Args): Promise<Awaited<Return>> {
    // Loaded on demand: programs that only enqueue never need it.
    const { callTask } = await import("./call-task.ts");
    return (await callTask(this, args)) as Awaited<Return>;
  }

  /**
   * A result of this task.
   *
   * @throws TaskResultMismatch when it is another task's; TaskResultDoesNotExist; NotSupported.
   */
  async getResult(id: string): Promise<TaskResult<Return>> {
    const result = await this.getBackend().getResult(id);
    if (result.taskName !== this.name) throw new TaskResultMismatch(result.taskName);
    return result as TaskResult<Return>;
  }
}

/** The argument that `enqueue` takes when a schema is given: its input type. */
export type SchemaArgs<Schema extends StandardSchema> = [input: SchemaInput<Schema>];

/** Options of a task with a schema. */
export type SchemaTaskOptions<Schema extends StandardSchema> = Omit<
  TaskOptions<SchemaArgs<Schema>>,
  "input" | "takesContext"
> & { readonly input: Schema };

/** Options of a task without a schema. */
export type PlainTaskOptions<Args extends readonly unknown[]> = Omit<
  TaskOptions<Args>,
  "input" | "takesContext"
> & { readonly input?: undefined };

// oxlint-disable-next-line typescript/no-explicit-any -- what a function must look like, whatever its arguments
type AnyArgs = any[];

/** Arguments of `never` let a parameter without a type, but with a default, take the default's type. */
type PlainFunction = (...args: never[]) => unknown;
type ContextFunction = (context: TaskContext, ...args: never[]) => unknown;

type ArgsAfterContext<Fn extends ContextFunction> =
  Parameters<Fn> extends [unknown?, ...infer Args] ? Args : never;

type TaskOf<Args extends readonly unknown[], Fn extends PlainFunction> = Task<
  Args,
  JsonReturn<Awaited<ReturnType<Fn>>>
>;

/** What a function must look like to fit its options. */
export type FittingFunction<TakesContext, Schema> = TakesContext extends true
  ? Schema extends StandardSchema
    ? (context: TaskContext, input: SchemaOutput<Schema>) => unknown
    : (context: TaskContext, ...args: AnyArgs) => unknown
  : Schema extends StandardSchema
    ? (input: SchemaOutput<Schema>) => unknown
    : AnyFunction;

/** Says what of a function does not survive JSON. Nothing is assignable to it. */
export type Misfit<Fn extends AnyFunction, TakesContext, Schema> = Explained<
  SurvivesJson<EnqueueArgs<Fn, TakesContext, Schema>, Awaited<ReturnType<Fn>>>,
  FittingFunction<TakesContext, Schema>
>;

type EnqueueArgs<Fn extends AnyFunction, TakesContext, Schema> = Schema extends StandardSchema
  ? SchemaArgs<Schema>
  : TakesContext extends true
    ? Parameters<Fn> extends [unknown, ...infer Args]
      ? Args
      : []
    : Parameters<Fn>;

type Explained<Problem, Expected> = unknown extends Problem
  ? { readonly "the function, and every key function, must fit": Expected }
  : Problem;

/**
 * Defines a background task.
 *
 * ```ts
 * export const greet = task({ name: "greet" }, async (name: string) => `Hello, ${name}!`);
 * const result = await greet.enqueue("World");
 * ```
 *
 * Arguments and return value must survive JSON; the compiler checks what it can see, `enqueue` the rest.
 *
 * @throws InvalidTask for a missing or taken name and for bad options; TypeError for unknown options.
 */
export function task<Fn extends PlainFunction>(
  fn: Fn & SurvivesJson<Parameters<Fn>, Awaited<ReturnType<Fn>>>,
): TaskOf<Parameters<Fn>, Fn>;
export function task<Schema extends StandardSchema, Return>(
  options: SchemaTaskOptions<Schema> & { readonly takesContext: true },
  fn: ((context: TaskContext, input: SchemaOutput<Schema>) => Return) &
    SurvivesJson<SchemaArgs<Schema>, Awaited<Return>>,
): Task<SchemaArgs<Schema>, JsonReturn<Awaited<Return>>>;
export function task<Schema extends StandardSchema, Return>(
  options: SchemaTaskOptions<Schema> & { readonly takesContext?: false | undefined },
  fn: ((input: SchemaOutput<Schema>) => Return) & SurvivesJson<SchemaArgs<Schema>, Awaited<Return>>,
): Task<SchemaArgs<Schema>, JsonReturn<Awaited<Return>>>;
export function task<Fn extends ContextFunction>(
  options: PlainTaskOptions<ArgsAfterContext<Fn>> & { readonly takesContext: true },
  fn: Fn & SurvivesJson<ArgsAfterContext<Fn>, Awaited<ReturnType<Fn>>>,
): TaskOf<ArgsAfterContext<Fn>, Fn>;
export function task<Fn extends PlainFunction>(
  options: PlainTaskOptions<Parameters<Fn>> & { readonly takesContext?: false | undefined },
  fn: Fn & SurvivesJson<Parameters<Fn>, Awaited<ReturnType<Fn>>>,
): TaskOf<Parameters<Fn>, Fn>;
// Fits nothing: the compiler reports the last overload, and this one says what is wrong.
export function task<
  Fn extends FittingFunction<TakesContext, Schema>,
  TakesContext extends boolean | undefined = undefined,
  Schema extends StandardSchema | undefined = undefined,
>(
  options: Omit<TaskOptions<never>, "input" | "takesContext"> & {
    readonly takesContext?: TakesContext;
    readonly input?: Schema;
  },
  fn: Fn & Misfit<Fn, TakesContext, Schema>,
): AnyTask;
export function task(
  optionsOrFunction: TaskOptions<never> | AnyFunction,
  maybeFunction?: AnyFunction,
): Task<never, unknown> {
  const isBare = typeof optionsOrFunction === "function";
  const fn = isBare ? optionsOrFunction : maybeFunction;
  const options = isBare ? {} : optionsOrFunction;
  if (typeof fn !== "function") {
    throw new InvalidTask('A task needs a function: task(fn) or task({ name: "…" }, fn).');
  }
  const defined = new Task<never, unknown>(fn, resolveTaskOptions(options, fn.name));
  if (defined.takesContext && hasNoParameters(fn)) {
    throw new InvalidTask("Task takes context but does not have a first argument of 'context'.");
  }
  registerTask(defined, definitionSite(task));
  return defined;
}

/** Best effort: a function of `(...rest)` or `(context = …)` has length 0 too, so the text decides. */
function hasNoParameters(fn: AnyFunction): boolean {
  return fn.length === 0 && /^(async\s+)?(function\s*\*?\s*)?[\w$]*\s*\(\s*\)/.test(String(fn));
}
