import assert from "node:assert/strict";

import { createId, registeredTasks, type Backend, type JsonValue } from "@tasks/core";
import type {
  AttemptOutcome,
  ClaimedTask,
  ClaimRequest,
  Completion,
  CompletionAnswer,
  QueueWorker,
  WorkerSession,
  WorkerStore,
} from "@tasks/core/worker";

import { LONG_LEASE_MS } from "./lease.ts";

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

  claim(changes: Partial<ClaimRequest> = {}): Promise<readonly ClaimedTask[]> {
    return this.store.claim(this.request(changes));
  }

  /** Claims the one task that is ready. */
  async claimOne(): Promise<ClaimedTask> {
    const [claimed, ...others] = await this.claim({ limit: 2 });
    assert.ok(claimed !== undefined, "a task is ready");
    assert.deepEqual(others, []);
    return claimed;
  }

  /** Records an outcome. */
  async complete(
    { id, fence }: Pick<ClaimedTask, "id" | "fence">,
    outcome: AttemptOutcome,
    changes: Partial<Completion> = {},
  ): Promise<CompletionAnswer> {
    const completion = { id, fence, outcome, changes: null, cancelled: false, ...changes };
    const answers = await this.store.complete([completion]);
    assert.equal(answers.length, 1, "one answer for one completion");
    return answers[0]!;
  }
}

/** The outcome of a task that returned. */
export function successful(returnValue: JsonValue): AttemptOutcome {
  return { type: "successful", returnValue, returnValueJson: JSON.stringify(returnValue) };
}
