import {
  taskEnqueued,
  taskFinished,
  taskLog,
  taskStarted,
  type Backend,
  type TaskResult,
} from "@tasks/core";

/** One task signal, as it was received. */
export interface RecordedEvent {
  readonly type: "enqueued" | "started" | "finished";
  readonly sender: Backend;
  readonly taskResult: TaskResult;
}

/** One log record about a result. */
export interface RecordedLog {
  readonly level: string;
  readonly message: string;
}

const events = new Map<string, RecordedEvent[]>();
const logs = new Map<string, RecordedLog[]>();
const warnings: string[] = [];
const troubles = new Set<string>();
let users = 0;
let disconnect: (() => void) | undefined;

/**
 * Listens to every signal of this process while at least one test runs; while it does, the framework's log goes here instead of stderr.
 * Signals are shared by the whole process, so tests look up what is theirs.
 */
export function startRecording(): () => void {
  users += 1;
  disconnect ??= connect();
  return () => {
    users -= 1;
    if (users > 0) return;
    disconnect?.();
    disconnect = undefined;
    events.clear();
    warnings.length = 0;
    troubles.clear();
    logs.clear();
  };
}

/** Signals about results of a task, in the order of their arrival. */
export function recordedEvents(taskName: string): readonly RecordedEvent[] {
  return events.get(taskName) ?? [];
}

/** Log records about one result. */
export function recordedLogs(taskId: string): readonly RecordedLog[] {
  return logs.get(taskId) ?? [];
}

/** Warnings and errors of the log, whomever they are about. */
export function recordedWarnings(): readonly string[] {
  return warnings;
}

/** What the framework could not do, each with its error: why a test waits in vain. */
export function recordedTroubles(): readonly string[] {
  return [...troubles];
}

function messageOf(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}

function record(event: RecordedEvent): void {
  const { taskName } = event.taskResult;
  const list = events.get(taskName) ?? [];
  list.push(event);
  events.set(taskName, list);
}

function connect(): () => void {
  const disconnects = [
    taskEnqueued.connect((event) => record({ type: "enqueued", ...event })),
    taskStarted.connect((event) => record({ type: "started", ...event })),
    taskFinished.connect((event) => record({ type: "finished", ...event })),
    taskLog.connect(({ level, message, taskId, error }) => {
      if (level === "warn" || level === "error") {
        warnings.push(message);
        // What a task threw is no trouble of the framework's.
        if (error !== undefined && taskId === undefined) {
          troubles.add(`${message} ${messageOf(error)}`);
        }
      }
      if (taskId === undefined) return;
      const lines = logs.get(taskId) ?? [];
      lines.push({ level, message });
      logs.set(taskId, lines);
    }),
  ];
  return () => {
    for (const undo of disconnects) undo();
  };
}
