export { assertQueueOf } from "./queue-check.ts";
export { QueueWorker } from "./queue-worker.ts";
export type { QueueWorkerOptions } from "./queue-worker.ts";
export { runOne } from "./run-one.ts";
export * as transitions from "../transitions.ts";
export { resolveWorkerOptions } from "./worker-options.ts";
export type { ResolvedWorkerOptions } from "./worker-options.ts";
export { AttemptControl, runAttempt } from "../run-attempt.ts";
export type { AttemptEnd, AttemptHost } from "../run-attempt.ts";
export type {
  AttemptChanges,
  AttemptChecks,
  AttemptOutcome,
  AttemptUpdate,
  ClaimRequest,
  ClaimedTask,
  Completion,
  CompletionAnswer,
  Lease,
  LeaseThread,
  WorkerSession,
  WorkerStore,
} from "./worker-store.ts";
