export { assertQueueOf } from "./queue-check.ts";
export { isError } from "../internal/is-error.ts";
export { monotonicNow } from "../internal/monotonic-now.ts";
export { attemptsOf, gapOf, isGap, withGap } from "../history.ts";
export { ClaimDoubt } from "./claim-doubt.ts";
export { givenBackBy, recover } from "./given-back.ts";
export { QueueWorker } from "./queue-worker.ts";
export type { QueueWorkerOptions } from "./queue-worker.ts";
export { runOne } from "./run-one.ts";
export type { RunOneOptions } from "./run-one.ts";
export { WorkerGroup } from "./worker-group.ts";
export type { WorkerGroupMember } from "./worker-group.ts";
export * as transitions from "../transitions.ts";
export { SessionWatch } from "./session-watch.ts";
export type { SeenSession } from "./session-watch.ts";
export { resolveWorkerOptions } from "./worker-options.ts";
export type { ResolvedWorkerOptions } from "./worker-options.ts";
export { AttemptControl, runAttempt } from "../run-attempt.ts";
export type { AttemptEnd, AttemptHost } from "../run-attempt.ts";
export type {
  AttemptChanges,
  AttemptChecks,
  AttemptOutcome,
  AttemptRef,
  AttemptUpdate,
  ClaimRequest,
  ClaimedTask,
  Completion,
  CompletionAnswer,
  Lease,
  LeaseThread,
  Thread,
  WorkerSession,
  WorkerStore,
} from "./worker-store.ts";
