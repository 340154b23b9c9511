import type { Backend } from "../backend.ts";
import { InvalidTask, TaskDoesNotExist, TaskResultDoesNotExist } from "../errors.ts";
import { createId } from "../ids.ts";
import { every } from "../internal/timing.ts";
import { log } from "../log.ts";
import { registeredTasks } from "../registry.ts";
import { TaskResult } from "../task-result.ts";
import { AttemptPool, CHECK_EVERY_MS } from "./attempt-pool.ts";
import { drain, leave } from "./farewell.ts";
import { LeaseKeeper } from "./lease-keeper.ts";
import { Outage } from "./outage.ts";
import { aborted, Stopping } from "./stopping.ts";
import type { WorkerGroup } from "./worker-group.ts";
import { resolveWorkerOptions } from "./worker-options.ts";
import type { ClaimedTask, WorkerSession, WorkerStore } from "./worker-store.ts";

/** How `runOne` runs a result. */
export interface RunOneOptions {
  /** @default 15000 */
  readonly leaseMs?: number | undefined;
  /** The workers of the backend: when it closes, the attempt is told to stop and given back. */
  readonly group?: WorkerGroup | undefined;
}

/**
 * Claims one READY result, due or not, and runs it in this process: `backend.runTask` for backends with a `WorkerStore`. The attempt is a worker's: it
 * keeps a lease, and is told when it is cancelled or lost.
 *
 * @returns the result after the attempt, whatever its outcome.
 * @throws TaskResultDoesNotExist; TaskDoesNotExist when its task is not registered here; InvalidTask when it is not READY; BackendUnavailable.
 */
export async function runOne(
  backend: Backend,
  store: WorkerStore,
  id: string,
  { leaseMs = 15_000, group }: RunOneOptions = {},
): Promise<TaskResult> {
  const { workerId, queueNames } = resolveWorkerOptions();
  const session = { sessionId: createId(), workerId, queueNames, concurrency: 1, leaseMs };
  const run = new SingleRun(backend, store, session);
  group?.join(run);
  try {
    return await run.run(id);
  } finally {
    group?.leave(run);
  }
}

/** A worker's session for one attempt. */
class SingleRun {
  readonly #backend: Backend;
  readonly #store: WorkerStore;
  readonly #session: WorkerSession;
  readonly #stopping = new Stopping(0);
  readonly #attempts: AttemptPool;
  readonly #lease: LeaseKeeper;
  #ended: Promise<TaskResult> | undefined;
  #wake = (): void => undefined;

  constructor(backend: Backend, store: WorkerStore, session: WorkerSession) {
    this.#backend = backend;
    this.#store = store;
    this.#session = session;
    this.#lease = new LeaseKeeper(store, session);
    const outage = new Outage(`Worker ${session.workerId}`);
    this.#attempts = new AttemptPool(backend, store, session, outage, {
      onChange: () => this.#wake(),
    });
  }

  /** Resolves with the result after the attempt, which is read before the backend may close. */
  run(id: string): Promise<TaskResult> {
    this.#ended = this.#runOnce(id);
    return this.#ended;
  }

  async stop(): Promise<void> {
    this.#stopping.begin();
    this.#attempts.stopStarting();
    this.#wake();
    // The caller of `run()` receives its failure.
    await this.#ended?.catch(() => undefined);
  }

  recheckWaiting(): Promise<void> {
    return this.#attempts.recheckWaiting();
  }

  async #runOnce(id: string): Promise<TaskResult> {
    const [store, session] = [this.#store, this.#session];
    const [lease, attempts] = [this.#lease, this.#attempts];
    // A store that is away is met again by the next check; its outcome is waited for.
    const onError = (error: unknown): void => {
      log("debug", `Worker ${session.workerId} could not check on its task.`, { error });
    };
    await store.register(session);
    const stopChecks = every(CHECK_EVERY_MS, async () => void (await attempts.check()), onError);
    try {
      const claimed = await claimOne(this.#backend, store, session, id);
      // Before the attempt may block the event loop.
      lease.start();
      attempts.add([claimed], 1);
      while (!attempts.isIdle && !this.#stopping.signal.aborted) {
        await aborted(this.#nextEvent());
      }
      await this.#stopping.unlessOverdue(attempts.flushed());
      await drain(attempts, this.#stopping.startDeadline(), () => this.#nextEvent());
    } finally {
      stopChecks();
      await leave({ store, session, lease, attempts, retention: undefined }, this.#stopping);
    }
    return TaskResult.load(this.#backend, id);
  }

  /** Fires when the attempt ends or the backend closes. */
  #nextEvent(): AbortSignal {
    const woken = new AbortController();
    this.#wake = () => woken.abort();
    return woken.signal;
  }
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
