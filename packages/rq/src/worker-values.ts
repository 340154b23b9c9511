import type { AttemptChanges, ClaimRequest, WorkerSession } from "@tasks/core/worker";

import type { ScriptValue } from "./connection/redis-store.ts";

/** What a session is called in Redis, where every result it ran names it: the end of its id is random enough. */
export function sessionKey({ sessionId }: Pick<WorkerSession, "sessionId">): string {
  return sessionId.slice(-12);
}

/** Values of `LEASE`. */
export function leaseValues(session: WorkerSession): ScriptValue[] {
  const { workerId, queueNames, concurrency, leaseMs } = session;
  const shown = JSON.stringify({ workerId, queueNames, concurrency, leaseMs });
  return [sessionKey(session), leaseMs, shown.slice(0, -1)];
}

/** Values of `SERVED`. */
export function servedValues({
  queueNames,
  excludeQueues,
  taskNames,
}: ClaimRequest): ScriptValue[] {
  return [queueNames, excludeQueues, taskNames].flatMap((names) => [names.length, ...names]);
}

/** Progress, metadata and logs as JSON text; "" for those that stay as they are. */
export function changeValues(changes: AttemptChanges | null): string[] {
  if (changes === null) return ["", "", ""];
  return [changes.progress, changes.metadata, changes.logs].map((value) =>
    value === undefined ? "" : JSON.stringify(value),
  );
}
