import type { Backend } from "../backend.ts";
import { InvalidTask, TaskDoesNotExist, TaskResultDoesNotExist } from "../errors.ts";
import { createId } from "../ids.ts";
import { registeredTasks } from "../registry.ts";
import { runAttempt } from "../run-attempt.ts";
import { announceFinished, announceStarted } from "../signals.ts";
import { isFinished } from "../task-record.ts";
import { TaskResult } from "../task-result.ts";
import { LeaseKeeper } from "./lease-keeper.ts";
import { resolveWorkerOptions } from "./worker-options.ts";
import type { ClaimedTask, WorkerSession, WorkerStore } from "./worker-store.ts";

/**
 * Claims one READY result, due or not, and runs it in this process: `backend.runTask` for backends with a `WorkerStore`.
 *
 * @returns the result after the attempt, whatever its outcome.
 * @throws TaskResultDoesNotExist; TaskDoesNotExist when its task is not registered here; InvalidTask when it is not READY.
 */
export async function runOne(
  backend: Backend,
  store: WorkerStore,
  id: string,
  leaseMs = 15_000,
): Promise<TaskResult> {
  const { workerId, queueNames } = resolveWorkerOptions();
  const session = { sessionId: createId(), workerId, queueNames, concurrency: 1, leaseMs };
  await store.register(session);
  const lease = new LeaseKeeper(store, session);
  lease.start();
  try {
    await runClaimed(backend, store, workerId, await claimOne(backend, store, session, id));
  } finally {
    await lease.stop();
    await store.unregister(session);
  }
  return TaskResult.load(backend, id);
}

async function claimOne(
  backend: Backend,
  store: WorkerStore,
  session: WorkerSession,
  id: string,
): Promise<ClaimedTask> {
  const [claimed] = await store.claim({
    session,
    id,
    limit: 1,
    queueNames: ["*"],
    excludeQueues: [],
    taskNames: [...registeredTasks().keys()],
  });
  if (claimed !== undefined) return claimed;
  const record = await backend.readRecord(id);
  if (record === undefined) throw new TaskResultDoesNotExist(id);
  if (!registeredTasks().has(record.taskName)) throw new TaskDoesNotExist(record.taskName);
  throw new InvalidTask(
    `Task result '${id}' is ${record.status}; only READY results can be run. Retry a FAILED one first.`,
  );
}

async function runClaimed(
  backend: Backend,
  store: WorkerStore,
  workerId: string,
  claimed: ClaimedTask,
): Promise<void> {
  const { id, fence } = claimed;
  await announceStarted(backend, claimed.record());
  const end = await runAttempt(claimed, { backend, workerId }, undefined, (changes) =>
    store.update([{ ...changes, id, fence }]),
  );
  await store.complete([{ id, fence, ...end }]);
  const record = await backend.readRecord(id);
  if (record !== undefined && isFinished(record.status)) await announceFinished(backend, record);
}
