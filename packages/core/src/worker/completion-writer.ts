import { BackendUnavailable } from "../errors.ts";
import { log } from "../log.ts";
import { toTaskError } from "../task-error.ts";
import type { Outage } from "./outage.ts";
import type { Completion, CompletionAnswer, WorkerStore } from "./worker-store.ts";

/** Most completions in one call of the store. */
const BATCH_SIZE = 500;
/** Refusals in a row before completions are tried one by one, and before one is given up. */
const PATIENCE = 3;

/** Called once per completion, when its fate is durable. `undefined`: it could not be stored at all. */
export type OnAnswer<Item extends Completion> = (
  completion: Item,
  answer: CompletionAnswer | undefined,
) => void;

/**
 * Writes completions in batches: whatever gathers while one batch is being written makes the next one, so a lone completion goes out at once and a
 * flood travels together. Goes on through outages until it is told to give up.
 */
export class CompletionWriter<Item extends Completion> {
  readonly #store: WorkerStore;
  readonly #outage: Outage;
  readonly #onAnswer: OnAnswer<Item>;
  readonly #pending: Item[] = [];
  readonly #gaveUp = new AbortController();
  #writing: Promise<void> | undefined;

  constructor(store: WorkerStore, outage: Outage, onAnswer: OnAnswer<Item>) {
    this.#store = store;
    this.#outage = outage;
    this.#onAnswer = onAnswer;
  }

  /** Completions that are not durable yet. */
  get size(): number {
    return this.#pending.length;
  }

  add(completion: Item): void {
    this.#pending.push(completion);
    this.#writing ??= this.#writeAll();
  }

  /** Resolves when nothing is pending, or after `giveUp()`. */
  async flushed(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
  }

  /** Stops trying. What is pending is lost to this worker, and will be recovered by another. */
  giveUp(): void {
    this.#gaveUp.abort();
  }

  async #writeAll(): Promise<void> {
    // Let everything that ends in this turn of the event loop join the first batch.
    await new Promise<void>((resolve) => setImmediate(resolve));
    let refusals = 0;
    while (this.#pending.length > 0 && !this.#gaveUp.signal.aborted) {
      refusals = await this.#writeBatch(refusals);
    }
    // In the same breath as the look at what is pending: whatever is added from here on begins anew.
    this.#writing = undefined;
  }

  /** @returns how often in a row the store has refused. */
  async #writeBatch(refusals: number): Promise<number> {
    const batch = this.#pending.slice(0, refusals < PATIENCE ? BATCH_SIZE : 1);
    try {
      const answers = await this.#store.complete(batch);
      this.#outage.over();
      this.#settle(batch, answers);
      return 0;
    } catch (error) {
      const isAboutData = !BackendUnavailable.is(error);
      if (isAboutData && batch.length === 1 && refusals + 1 >= 2 * PATIENCE) {
        this.#replaceFirst(error);
        return 0;
      }
      await this.#outage.pause("store completions", error, this.#gaveUp.signal);
      return isAboutData ? refusals + 1 : refusals;
    }
  }

  #settle(batch: readonly Item[], answers: readonly CompletionAnswer[]): void {
    this.#pending.splice(0, batch.length);
    batch.forEach((completion, index) => this.#onAnswer(completion, answers[index] ?? "lost"));
  }

  /** The store cannot keep this completion: store a plain failure instead, and if that is refused too, leave the row to recovery. */
  #replaceFirst(error: unknown): void {
    const [refused] = this.#pending.splice(0, 1);
    if (refused === undefined) return;
    log("error", `The outcome of task ${refused.id} cannot be stored.`, {
      taskId: refused.id,
      error,
    });
    const isReplacement = refused.changes === null && refused.outcome.type === "failed";
    if (isReplacement) {
      this.#onAnswer(refused, undefined);
      return;
    }
    const attempt = { attempt: 0, workerId: null, occurredAt: new Date() };
    this.#pending.unshift({
      ...refused,
      outcome: { type: "failed", error: toTaskError(error, attempt) },
      changes: null,
    });
  }
}
