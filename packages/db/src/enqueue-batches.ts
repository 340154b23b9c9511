import { InvalidTask, TasksError, type Enqueued } from "@tasks/core";

import { deferred } from "./deferred.ts";
import type { InsertRequest } from "./dialect.ts";
import { CHUNK_ROWS } from "./dialects/chunks.ts";

/** Stores requests together; answers each with what became of it. */
export type Insert = (
  requests: readonly InsertRequest[],
) => Promise<readonly (Enqueued | TasksError)[]>;

/** A call of `enqueue` that waits for its row to be durable. */
export interface PendingEnqueue {
  readonly request: InsertRequest;
  readonly resolve: (enqueued: Enqueued) => void;
  readonly reject: (error: unknown) => void;
}

/** Calls of `enqueue`: those that come while one batch is being stored make the next. */
export class EnqueueBatches {
  readonly #insert: Insert;
  #pending: PendingEnqueue[] = [];
  #isFlushing = false;

  constructor(insert: Insert) {
    this.#insert = insert;
  }

  /** A call is waiting. */
  get isBusy(): boolean {
    return this.#isFlushing;
  }

  enqueue(request: InsertRequest): Promise<Enqueued> {
    const { promise, resolve, reject } = deferred<Enqueued>();
    this.#pending.push({ request, resolve, reject });
    if (!this.#isFlushing) {
      this.#isFlushing = true;
      // Run after all synchronous calls of this tick, so that they join the batch.
      void Promise.resolve().then(() => this.#flush());
    }
    return promise;
  }

  async #flush(): Promise<void> {
    try {
      while (this.#pending.length > 0) {
        const batch = this.#pending.splice(0, CHUNK_ROWS);
        await storeBatch(batch, this.#insert).catch((error: unknown) => rejectAll(batch, error));
      }
    } finally {
      this.#isFlushing = false;
    }
  }
}

/**
 * Stores a batch together; when the store refuses a row, each by itself, so that a bad one fails alone.
 *
 * @throws any other error, with no call answered.
 */
export async function storeBatch(batch: readonly PendingEnqueue[], insert: Insert): Promise<void> {
  try {
    const answers = await insert(batch.map(({ request }) => request));
    batch.forEach(({ resolve, reject }, index) => {
      const answer = answers[index]!;
      if (answer instanceof TasksError) reject(answer);
      else resolve(answer);
    });
  } catch (error) {
    if (!InvalidTask.is(error)) throw error;
    if (batch.length === 1) return rejectAll(batch, error);
    for (const one of batch) {
      await storeBatch([one], insert).catch((cause: unknown) => rejectAll([one], cause));
    }
  }
}

/** Answers every call of a batch with an error. */
export function rejectAll(batch: readonly PendingEnqueue[], error: unknown): void {
  for (const { reject } of batch) reject(error);
}
