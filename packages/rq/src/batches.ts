import { BackendUnavailable, createId, InvalidTask } from "@tasks/core";

import { inChunks } from "./chunks.ts";
import type { RedisStore, ScriptValue } from "./connection/redis-store.ts";
import type { Place } from "./records.ts";
import { BATCHES, COMMIT, DISCARD, PUBLISH, REFUSED, STAGE } from "./scripts/enqueue.ts";

/** Requests of one script that stages them: so many take about as long as other scripts. */
const STAGED_AT_ONCE = 250;

/** What became of a batch. */
export interface InsertedBatch {
  /** The time of the enqueue. */
  readonly now: Date;
  /** By their number the requests that became no tasks, with what has their id or key. */
  readonly refused: ReadonlyMap<number, Place>;
}

/** What holds the key of a request that rejects its batch. */
export interface Rejection {
  readonly number: number;
  readonly holder: string;
}

/** Stores batches that are too large for one script: in parts, so that no other client waits for long, and all or none. */
export class Batches {
  readonly #store: RedisStore;

  constructor(store: RedisStore) {
    this.#store = store;
  }

  /**
   * Stores a batch.
   *
   * @param requests the values of each, as `ENQUEUE` takes them.
   * @param canBeRefused some have given ids or unique keys.
   * @param canBeRejected one conflict of some keys rejects the batch.
   */
  async insert(
    requests: Iterable<readonly ScriptValue[]>,
    count: number,
    { canBeRefused, canBeRejected }: { canBeRefused: boolean; canBeRejected: boolean },
  ): Promise<InsertedBatch | Rejection> {
    const batch = createId();
    const committed = await this.#commit(batch, requests, count, canBeRejected);
    if (typeof committed !== "number") return committed;
    const now = new Date(committed);
    try {
      await this.#publish(batch);
      return { now, refused: canBeRefused ? await this.#refused(batch) : new Map() };
    } catch (error) {
      if (canBeRefused) throw error;
      // It is certain: a worker publishes the rest.
      return { now, refused: new Map() };
    }
  }

  /** Publishes what callers left behind that were gone, or lost their connection. */
  async publishLeft(): Promise<void> {
    for (const batch of (await this.#store.run(BATCHES)) as readonly string[]) {
      await this.#publish(batch);
    }
  }

  async #commit(
    batch: string,
    requests: Iterable<readonly ScriptValue[]>,
    count: number,
    canBeRejected: boolean,
  ): Promise<number | Rejection> {
    let isCertain = false;
    try {
      for (const values of inChunks(requests, STAGED_AT_ONCE)) {
        const staged = await this.#store.run(STAGE, [
          batch,
          canBeRejected ? "reject" : "",
          ...values,
        ]);
        const [isStaged, queue, id] = staged as [number, string, string];
        if (isStaged === 0) throw new InvalidTask(takenByOther(id, queue));
      }
      const answer = (await this.#store.run(COMMIT, [batch, count])) as Committed;
      if (typeof answer !== "number") return { number: answer[0], holder: answer[2] };
      if (answer === 0) {
        throw new BackendUnavailable("Redis lost a part of the batch; nothing was stored.");
      }
      isCertain = true;
      return answer;
    } finally {
      if (!isCertain) await this.#store.run(DISCARD, [batch]).catch(() => undefined);
    }
  }

  async #refused(batch: string): Promise<ReadonlyMap<number, Place>> {
    const refused = new Map<number, Place>();
    for (;;) {
      const values = (await this.#store.run(REFUSED, [batch])) as readonly string[];
      if (values.length === 0) return refused;
      for (let at = 0; at < values.length; at += 3) {
        refused.set(Number(values[at]), { queue: values[at + 1]!, id: values[at + 2]! });
      }
    }
  }

  async #publish(batch: string): Promise<void> {
    while (((await this.#store.run(PUBLISH, [batch])) as number) > 0);
  }
}

/** The time; or the number of a request, with queue and id of what holds its key. */
type Committed = number | readonly [number, string, string];

/** Says that an id cannot be used. */
export function takenByOther(id: string, queue: string): string {
  return `Id '${id}' is already used in queue '${queue}' by a BullMQ job that is not a task.`;
}
