export { Backend } from "./backend.ts";
export type {
  Ability,
  BackendOptions,
  BackendSupports,
  CheckLevel,
  CheckMessage,
  Enqueued,
  EnqueueOptions,
  EnqueueRequest,
  ListOptions,
  ListPage,
  PruneOptions,
  QueueInfo,
  RecordPage,
  RetentionOptions,
  StatusCounts,
  UniqueClaim,
  Worker,
  WorkerInfo,
  WorkerOptions,
} from "./backend.ts";
export type { Backoff, BackoffFunction, BackoffOptions } from "./backoff.ts";
export { DummyBackend } from "./backends/dummy-backend.ts";
export type { DummyBackendOptions } from "./backends/dummy-backend.ts";
export { ImmediateBackend } from "./backends/immediate-backend.ts";
export type { ImmediateBackendOptions } from "./backends/immediate-backend.ts";
export type { InMemoryBackendOptions } from "./backends/in-memory-backend.ts";
export { MemoryBackend } from "./backends/memory-backend.ts";
export type { MemoryBackendOptions } from "./backends/memory-backend.ts";
export { wholeNumber } from "./backend-options.ts";
export { checkTasks } from "./checks.ts";
export type { Clock } from "./clock.ts";
export { configureTasks, defaultTaskBackend, taskBackends, withBackends } from "./configuration.ts";
export type {
  BackendSource,
  Schedule,
  TaskBackends,
  TasksConfig,
  TasksOptions,
} from "./configuration.ts";
export { currentTask } from "./current-task.ts";
export {
  BackendUnavailable,
  DuplicateTask,
  InvalidOption,
  InvalidTask,
  InvalidTaskBackend,
  NotSupported,
  PayloadTooLarge,
  TaskCancelled,
  TaskDoesNotExist,
  TaskFailed,
  TaskLost,
  TaskNotFinished,
  TaskResultDoesNotExist,
  TaskResultMismatch,
  TasksError,
  TaskTimeout,
  WaitTimeout,
  WorkerStopping,
} from "./errors.ts";
export { createId } from "./ids.ts";
export { encodeJson, normalizeJson } from "./json.ts";
export type { EncodedJson, JsonObject, JsonValue } from "./json.ts";
export type {
  JsonChecked,
  JsonCheckedArgs,
  JsonReturn,
  NotJson,
  SurvivesJson,
} from "./json-types.ts";
export { assertKnownOptions } from "./known-options.ts";
export { log, taskLog } from "./log.ts";
export type { LogLevel, LogRecord } from "./log.ts";
export { DiscardTask, RetryTask, SnoozeTask } from "./outcomes.ts";
export type { DelayOptions } from "./outcomes.ts";
export { resolvePruneOptions } from "./prune-options.ts";
export type { ResolvedPruneOptions } from "./prune-options.ts";
export { redact } from "./redact.ts";
export { registeredTasks } from "./registry.ts";
export type { AnyTask } from "./registry.ts";
export type { Moment, RelativeTime, RunAfter } from "./run-after.ts";
export { runTask } from "./run-task.ts";
export type { Receiver, Signal } from "./signal.ts";
export { announceFinished, taskEnqueued, taskFinished, taskStarted } from "./signals.ts";
export type { TaskEvent } from "./signals.ts";
export type {
  SchemaInput,
  SchemaOutput,
  StandardSchema,
  StandardSchemaIssue,
  StandardSchemaResult,
} from "./standard-schema.ts";
export { task, Task } from "./task.ts";
export type {
  AnyFunction,
  PlainTaskOptions,
  SchemaArgs,
  FittingFunction,
  Misfit,
  SchemaTaskOptions,
} from "./task.ts";
export type { TaskContext, TaskLog } from "./task-context.ts";
export { toTaskError } from "./task-error.ts";
export {
  DEFAULT_TASK_BACKEND_ALIAS,
  DEFAULT_TASK_PRIORITY,
  DEFAULT_TASK_QUEUE_NAME,
  isTaskId,
  TASK_MAX_PRIORITY,
  TASK_MIN_PRIORITY,
} from "./task-options.ts";
export type {
  ConcurrencyOptions,
  TaskOptions,
  TaskSettings,
  UniqueOptions,
  UsingOptions,
} from "./task-options.ts";
export { isFinished, TASK_STATES, TASK_STATUSES, taskState } from "./task-record.ts";
export type {
  TaskError,
  TaskLogEntry,
  TaskLogLevel,
  TaskRecord,
  TaskState,
  TaskStatus,
} from "./task-record.ts";
export { TaskResult } from "./task-result.ts";
export type { TaskResultJson, WaitOptions } from "./task-result.ts";
