import { BackendUnavailable } from "../errors.ts";
import { log } from "../log.ts";
import { toTaskError } from "../task-error.ts";
import type { Outage } from "./outage.ts";
import type { Completion, CompletionAnswer, WorkerStore } from "./worker-store.ts";

/** Most completions in one call of the store. */
const BATCH_SIZE = 500;
/** Most calls at the same time; more than one only while whole batches wait. */
const MOST_WRITERS = 2;
/** Refusals in a row before completions are tried one by one, and before one is given up. */
const PATIENCE = 3;

/** Called once per completion, when its fate is durable. `undefined`: it could not be stored at all. */
export type OnAnswer<Item extends Completion> = (
  completion: Item,
  answer: CompletionAnswer | undefined,
) => void;

/**
 * Writes completions in batches: whatever gathers while one batch is being written makes the next one, so a lone completion goes out at once and a
 * flood travels together. A second batch goes out beside the first when it is full. Goes on through outages until it is told to give up.
 */
export class CompletionWriter<Item extends Completion> {
  readonly #store: WorkerStore;
  readonly #outage: Outage;
  readonly #onAnswer: OnAnswer<Item>;
  readonly #pending: Item[] = [];
  readonly #gaveUp = new AbortController();
  readonly #writers = new Set<Promise<void>>();
  /** Completions of the batches under way. */
  #sent = 0;
  /** How often in a row the store has refused. */
  #refusals = 0;

  constructor(store: WorkerStore, outage: Outage, onAnswer: OnAnswer<Item>) {
    this.#store = store;
    this.#outage = outage;
    this.#onAnswer = onAnswer;
  }

  /** Completions that are not durable yet. */
  get size(): number {
    return this.#pending.length + this.#sent;
  }

  add(completion: Item): void {
    this.#pending.push(completion);
    const isFlood = this.#pending.length >= BATCH_SIZE && this.#writers.size < MOST_WRITERS;
    if (this.#writers.size === 0 || (isFlood && this.#refusals === 0)) this.#startWriter();
  }

  /** Resolves when nothing is pending, or after `giveUp()`. */
  async flushed(): Promise<void> {
    while (this.#writers.size > 0) await Promise.all(this.#writers);
  }

  /** Stops trying. What is pending is lost to this worker, and will be recovered by another. */
  giveUp(): void {
    this.#gaveUp.abort();
  }

  #startWriter(): void {
    const writer: Promise<void> = this.#writeAll(() => this.#writers.delete(writer));
    this.#writers.add(writer);
  }

  /** @param onEnd called in the same breath as the look at what is pending: whatever is added from then on begins anew. */
  async #writeAll(onEnd: () => void): Promise<void> {
    // Let everything that ends in this turn of the event loop join the first batch.
    await new Promise<void>((resolve) => setImmediate(resolve));
    while (this.#pending.length > 0 && !this.#gaveUp.signal.aborted) await this.#writeBatch();
    onEnd();
  }

  async #writeBatch(): Promise<void> {
    const batch = this.#pending.splice(0, this.#refusals < PATIENCE ? BATCH_SIZE : 1);
    this.#sent += batch.length;
    try {
      const answers = await this.#store.complete(batch);
      this.#sent -= batch.length;
      this.#outage.over();
      this.#refusals = 0;
      this.#settle(batch, answers);
    } catch (error) {
      this.#sent -= batch.length;
      this.#pending.unshift(...batch);
      await this.#refused(batch, error);
    }
  }

  async #refused(batch: readonly Item[], error: unknown): Promise<void> {
    const isAboutData = !BackendUnavailable.is(error);
    if (isAboutData && batch.length === 1 && this.#refusals + 1 >= 2 * PATIENCE) {
      this.#refusals = 0;
      this.#replaceFirst(error);
      return;
    }
    if (isAboutData) this.#refusals++;
    await this.#outage.pause("store completions", error, this.#gaveUp.signal);
  }

  #settle(batch: readonly Item[], answers: readonly CompletionAnswer[]): void {
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
