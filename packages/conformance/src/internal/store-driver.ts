import assert from "node:assert/strict";

import { createId, registeredTasks, type Backend, type TaskRecord } from "@tasks/core";
import type {
  AttemptOutcome,
  AttemptRef,
  ClaimedTask,
  ClaimRequest,
  Completion,
  CompletionAnswer,
  QueueWorker,
  WorkerSession,
  WorkerStore,
} from "@tasks/core/worker";

import { LONG_LEASE_MS } from "./lease.ts";
import { formatShort, noteStep } from "./trace.ts";

/** Pause between two looks for lost attempts, in milliseconds. */
const WATCH_EVERY_MS = 20;

/** One worker's part played by hand, step by step: the way to stop a worker in the middle. */
export class StoreDriver {
  readonly store: WorkerStore;
  readonly session: WorkerSession;

  private constructor(store: WorkerStore, session: WorkerSession) {
    this.store = store;
    this.session = session;
  }

  /** Announces a worker of a backend. Its lease is renewed by hand only. */
  static async register(
    backend: Backend,
    { leaseMs = LONG_LEASE_MS, workerId = "by-hand" }: Partial<WorkerSession> = {},
  ): Promise<StoreDriver> {
    // Only a QueueWorker is ever asked; the profile has made sure.
    const { store } = (await backend.createWorker({ queueNames: ["*"] })) as QueueWorker;
    const session = {
      sessionId: createId(),
      workerId,
      queueNames: ["*"],
      concurrency: 10,
      leaseMs,
    };
    noteStep(`register session ${workerId} with a lease of ${leaseMs} ms`);
    await store.register(session);
    return new StoreDriver(store, session);
  }

  /** A claim as the loop would ask for it. */
  request(changes: Partial<ClaimRequest> = {}): ClaimRequest {
    return {
      session: this.session,
      limit: 100,
      queueNames: ["*"],
      excludeQueues: [],
      taskNames: [...registeredTasks().keys()],
      ...changes,
    };
  }

  async claim(changes: Partial<ClaimRequest> = {}): Promise<readonly ClaimedTask[]> {
    const claimed = await this.store.claim(this.request(changes));
    noteStep(`${this.session.workerId} claims ${formatShort(changes)}: ${claimed.length} tasks`);
    return claimed;
  }

  /** Claims the one task that is ready. */
  async claimOne(): Promise<ClaimedTask> {
    const [claimed, ...others] = await this.claim({ limit: 2 });
    assert.ok(claimed !== undefined, "a task is ready");
    assert.deepEqual(others, []);
    return claimed;
  }

  /** The name of an attempt that this worker claimed. */
  refOf({ id, fence }: Pick<ClaimedTask, "id" | "fence">): AttemptRef {
    return { id, fence, sessionId: this.session.sessionId };
  }

  /** Looks for lost attempts as a worker does, only more often. Resolves with what ended FAILED, and how long it really took. */
  async watch(
    ms: number,
  ): Promise<{ readonly lost: readonly TaskRecord[]; readonly watchedMs: number }> {
    const startMs = performance.now();
    const lost: TaskRecord[] = [];
    const watchedMs = (): number => performance.now() - startMs;
    while (watchedMs() < ms) {
      lost.push(...(await this.store.recoverLost(this.session)));
      await new Promise((resolve) => setTimeout(resolve, WATCH_EVERY_MS));
    }
    return { lost, watchedMs: watchedMs() };
  }

  /** Records an outcome. */
  async complete(
    { id, fence }: Pick<ClaimedTask, "id" | "fence">,
    outcome: AttemptOutcome,
    changes: Partial<Completion> = {},
  ): Promise<CompletionAnswer> {
    const ref = this.refOf({ id, fence });
    const completion = { ...ref, outcome, changes: null, cancelled: false, ...changes };
    const answers = await this.store.complete([completion]);
    assert.equal(answers.length, 1, "one answer for one completion");
    noteStep(`${this.session.workerId} completes fence ${fence}, ${outcome.type}: ${answers[0]!}`);
    return answers[0]!;
  }
}
