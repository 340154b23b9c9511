import { channel, type Channel } from "node:diagnostics_channel";

import type { Backend } from "./backend.ts";
import { isLogged, log, type LogLevel } from "./log.ts";
import { ofProcess } from "./process-state.ts";
import { Signal } from "./signal.ts";
import type { TaskRecord } from "./task-record.ts";
import { TaskResult } from "./task-result.ts";

/** What the three task signals carry. */
export interface TaskEvent {
  /** The backend the result belongs to. */
  readonly sender: Backend;
  /** A snapshot at the moment of the event. */
  readonly taskResult: TaskResult;
}

/** A task was stored. Also on the diagnostics channel `tasks:enqueued`. Not sent for a duplicate of a unique task. */
export const taskEnqueued: Signal<TaskEvent> = /* @__PURE__ */ taskSignal("taskEnqueued");
/** An attempt begins; the status is RUNNING. Also on `tasks:started`. */
export const taskStarted: Signal<TaskEvent> = /* @__PURE__ */ taskSignal("taskStarted");
/** A result became SUCCESSFUL or FAILED, and that is durable. Also on `tasks:finished`. */
export const taskFinished: Signal<TaskEvent> = /* @__PURE__ */ taskSignal("taskFinished");

const enqueuedChannel = /* @__PURE__ */ channel("tasks:enqueued");
const startedChannel = /* @__PURE__ */ channel("tasks:started");
const finishedChannel = /* @__PURE__ */ channel("tasks:finished");

/** Announces that a record was stored. */
export async function announceEnqueued(backend: Backend, record: TaskRecord): Promise<void> {
  if (isLogged("debug")) {
    log("debug", `${describe(record)} enqueued backend=${backend.alias}`, { taskId: record.id });
  }
  await announce(backend, record, taskEnqueued, enqueuedChannel);
}

/** Tells whether anyone would notice `announceEnqueued`, so that whoever has many to make need not build them. */
export function isEnqueuedAnnounced(): boolean {
  return isNoticed("debug", taskEnqueued, enqueuedChannel);
}

/** The same for `announceStarted`. */
export function isStartedAnnounced(): boolean {
  return isNoticed("info", taskStarted, startedChannel);
}

/** The same for `announceFinished` of a success. */
export function isFinishedAnnounced(): boolean {
  return isNoticed("info", taskFinished, finishedChannel);
}

/** Announces that an attempt begins. */
export async function announceStarted(backend: Backend, record: TaskRecord): Promise<void> {
  log("info", `${describe(record)} state=RUNNING`, { taskId: record.id });
  await announce(backend, record, taskStarted, startedChannel);
}

/** Announces that a result is final. */
export async function announceFinished(backend: Backend, record: TaskRecord): Promise<void> {
  const message = `${describe(record)} state=${record.status}`;
  if (record.status === "FAILED") {
    const error = record.errors.at(-1);
    log("error", `${message}\n${error?.traceback ?? ""}`, { taskId: record.id, error });
  } else {
    log("info", message, { taskId: record.id });
  }
  await announce(backend, record, taskFinished, finishedChannel);
}

function isNoticed(level: LogLevel, signal: Signal<TaskEvent>, diagnostics: Channel): boolean {
  return isLogged(level) || signal.hasReceivers || diagnostics.hasSubscribers;
}

async function announce(
  sender: Backend,
  record: TaskRecord,
  signal: Signal<TaskEvent>,
  diagnostics: Channel,
): Promise<void> {
  if (!signal.hasReceivers && !diagnostics.hasSubscribers) return;
  const event: TaskEvent = { sender, taskResult: new TaskResult(sender, record) };
  if (diagnostics.hasSubscribers) diagnostics.publish(event);
  await signal.send(event);
}

function describe(record: Pick<TaskRecord, "id" | "taskName">): string {
  return `Task id=${record.id} path=${record.taskName}`;
}

function taskSignal(name: string): Signal<TaskEvent> {
  return ofProcess(
    name,
    () =>
      new Signal<TaskEvent>((error) => {
        log("error", `A receiver of ${name} failed.`, { error });
      }),
  );
}
