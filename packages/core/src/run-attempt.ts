import { AsyncResource } from "node:async_hooks";

import type { Backend } from "./backend.ts";
import { backoffDelay } from "./backoff.ts";
import { runWithContext } from "./current-task.ts";
import {
  TaskCancelled,
  TaskDoesNotExist,
  TasksError,
  TaskTimeout,
  WorkerStopping,
} from "./errors.ts";
import { clearTimeout, setTimeout } from "./internal/real-time.ts";
import { encodeJson } from "./json.ts";
import { log } from "./log.ts";
import { checkedDelay, isDelay } from "./outcomes.ts";
import { registeredTasks, type AnyTask } from "./registry.ts";
import { parseInput } from "./schema-input.ts";
import { AttemptContext, type StoreChanges } from "./task-context.ts";
import { toTaskError } from "./task-error.ts";
import type { TaskError } from "./task-record.ts";
import type { AttemptChanges, AttemptOutcome, ClaimedTask } from "./worker/worker-store.ts";

/** How long a task may go on after its timeout fired before it is given up, in milliseconds. */
const TIMEOUT_GRACE_MS = 1000;

/** Who runs an attempt. */
export interface AttemptHost {
  readonly backend: Backend;
  readonly workerId: string;
}

/** The handle by which a loop stops an attempt from outside. */
export class AttemptControl {
  #reason: TasksError | undefined;
  #controller: AbortController | undefined;
  #fire: ((reason: TasksError) => void) | undefined;

  /** Why the attempt was told to stop; `undefined` while it was not. */
  get reason(): TasksError | undefined {
    return this.#reason;
  }

  /** Made on first use: most tasks never look at it. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      const controller = new AbortController();
      if (this.#reason !== undefined) controller.abort(this.#reason);
      // Listeners run in the async context of the attempt that asked for the signal.
      this.#fire = AsyncResource.bind((reason: TasksError) => controller.abort(reason));
      this.#controller = controller;
    }
    return this.#controller.signal;
  }

  /** Fires the signal. The first reason counts. */
  abort(reason: TasksError): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    this.#fire?.(reason);
  }
}

/** How an attempt ended, to be stored as a completion. */
export interface AttemptEnd {
  readonly outcome: AttemptOutcome;
  readonly changes: AttemptChanges | null;
  /** It ended because it was cancelled. */
  readonly cancelled: boolean;
}

/**
 * Runs one attempt of a claimed task and decides how it ended: the one place where context, signal, timeout, return value, errors and retries are
 * dealt with, so that a task behaves the same on every backend. Never rejects.
 *
 * Nothing of the outcome counts when `control` was aborted with `TaskLost`.
 *
 * @param store where progress, metadata and logs go while the task runs.
 */
export async function runAttempt(
  claimed: ClaimedTask,
  host: AttemptHost,
  control: AttemptControl = new AttemptControl(),
  store?: StoreChanges,
): Promise<AttemptEnd> {
  const attempt = new Attempt(claimed, host, control, store);
  return attempt.run();
}

/** What a task's function came to. */
type Ended =
  | { readonly type: "returned"; readonly value: unknown }
  | { readonly type: "threw"; readonly error: unknown }
  /** It cannot ever run: damaged arguments, or input its schema no longer accepts. */
  | { readonly type: "unusable"; readonly error: unknown };

class Attempt {
  readonly #claimed: ClaimedTask;
  readonly #host: AttemptHost;
  readonly #control: AttemptControl;
  readonly #context: AttemptContext;

  constructor(
    claimed: ClaimedTask,
    host: AttemptHost,
    control: AttemptControl,
    store: StoreChanges | undefined,
  ) {
    this.#claimed = claimed;
    this.#host = host;
    this.#control = control;
    this.#context = new AttemptContext(
      host.backend,
      claimed.attempt,
      () => claimed.record(),
      () => control.signal,
      store,
    );
  }

  async run(): Promise<AttemptEnd> {
    const task = registeredTasks().get(this.#claimed.taskName);
    if (task === undefined) {
      return this.#end(this.#failed(new TaskDoesNotExist(this.#claimed.taskName)));
    }
    const ended = this.#control.reason === undefined ? await this.#execute(task) : undefined;
    return this.#end(this.#decide(task, ended));
  }

  async #execute(task: AnyTask): Promise<Ended> {
    let args: unknown[];
    try {
      args = [...this.#claimed.args()];
      if (task.settings.input !== null) args = [await parseInput(task, args[0])];
    } catch (error) {
      return { type: "unusable", error };
    }
    if (task.takesContext) args.unshift(this.#context);
    const { timeoutMs } = task.settings;
    const ended = callFunction(task, args, this.#context);
    return timeoutMs === null ? ended : this.#withTimeout(ended, timeoutMs);
  }

  async #withTimeout(ended: Promise<Ended>, timeoutMs: number): Promise<Ended> {
    let timer: NodeJS.Timeout | undefined;
    const error = new TaskTimeout(`The attempt ran longer than its timeoutMs of ${timeoutMs} ms.`);
    const givenUp = new Promise<Ended>((resolve) => {
      timer = setTimeout(() => {
        this.#control.abort(error);
        timer = setTimeout(resolve, TIMEOUT_GRACE_MS, { type: "threw", error });
      }, timeoutMs);
    });
    try {
      return await Promise.race([ended, givenUp]);
    } finally {
      clearTimeout(timer);
    }
  }

  #decide(task: AnyTask, ended: Ended | undefined): AttemptOutcome {
    const { reason } = this.#control;
    if (TaskCancelled.is(reason)) return this.#failed(reason);
    if (TaskTimeout.is(reason)) return this.#thrown(task, reason);
    if (ended === undefined) return { type: "release" };
    switch (ended.type) {
      case "returned":
        return this.#returned(task, ended.value);
      case "unusable":
        return this.#failed(ended.error);
      case "threw":
        // A shutdown shows in many errors, from AbortError to a driver's own; whatever it is, the attempt was not the task's fault.
        if (WorkerStopping.is(reason) && !isOutcome(ended.error)) return { type: "release" };
        return this.#thrown(task, ended.error);
    }
  }

  #returned(task: AnyTask, value: unknown): AttemptOutcome {
    try {
      const { maxPayloadBytes } = this.#host.backend.supports;
      this.#context.changes();
      const encoded = encodeJson(
        value === undefined ? null : value,
        "return value",
        maxPayloadBytes,
      );
      return { type: "successful", returnValue: encoded.value, returnValueJson: encoded.json };
    } catch (error) {
      return this.#thrown(task, error);
    }
  }

  #thrown(task: AnyTask, error: unknown): AttemptOutcome {
    if (isOutcome(error, "TASKS_SNOOZE")) return { type: "snooze", delayMs: error.delayMs };
    if (isOutcome(error, "TASKS_DISCARD")) return this.#failed(error);
    const failures = this.#claimed.record().failures + 1;
    if (failures >= task.settings.maxAttempts) return this.#failed(error);
    const delayMs = isOutcome(error, "TASKS_RETRY")
      ? error.delayMs
      : this.#backoff(task, error, failures);
    if (delayMs === null) return this.#failed(error);
    return { type: "retry", error: this.#toError(error), delayMs };
  }

  #backoff(task: AnyTask, error: unknown, failures: number): number | null {
    const { backoff } = task.settings;
    if (typeof backoff !== "function") return backoffDelay(backoff, failures);
    try {
      const delayMs = backoff(error, this.#context.taskResult);
      return delayMs === null ? null : checkedDelay(delayMs);
    } catch (problem) {
      log("error", `The backoff of task '${task.name}' failed; the task is not tried again.`, {
        taskId: this.#claimed.id,
        error: problem,
      });
      return null;
    }
  }

  #failed(error: unknown): AttemptOutcome {
    return { type: "failed", error: this.#toError(error) };
  }

  #toError(error: unknown): TaskError {
    return toTaskError(error, {
      attempt: this.#claimed.attempt,
      workerId: this.#host.workerId,
      occurredAt: this.#host.backend.now(),
    });
  }

  #end(outcome: AttemptOutcome): AttemptEnd {
    const cancelled = TaskCancelled.is(this.#control.reason);
    return { outcome, changes: this.#changes(), cancelled };
  }

  #changes(): AttemptChanges | null {
    try {
      return this.#context.changes();
    } catch {
      return this.#context.storableChanges();
    }
  }
}

async function callFunction(
  task: AnyTask,
  args: readonly unknown[],
  context: AttemptContext,
): Promise<Ended> {
  try {
    const value: unknown = await runWithContext(context, () => task.fn(...args));
    return { type: "returned", value };
  } catch (error) {
    return { type: "threw", error };
  }
}

/** By code, so that an outcome thrown by a library with its own copy of this package counts too. */
function isOutcome(
  error: unknown,
  code?: "TASKS_RETRY" | "TASKS_SNOOZE" | "TASKS_DISCARD",
): error is TasksError & { readonly delayMs: number } {
  if (!TasksError.is(error)) return false;
  if (code !== undefined && error.code !== code) return false;
  if (error.code === "TASKS_DISCARD") return true;
  const isDelayed = error.code === "TASKS_RETRY" || error.code === "TASKS_SNOOZE";
  return isDelayed && isDelay((error as TasksError & { readonly delayMs?: unknown }).delayMs);
}
