import { BackendUnavailable } from "../errors.ts";
import { setImmediate } from "../internal/real-time.ts";
import { log } from "../log.ts";
import { toTaskError } from "../task-error.ts";
import type { Outage } from "./outage.ts";
import type { Completion, CompletionAnswer, WorkerStore } from "./worker-store.ts";

/** Max completions in one call of the store, and max characters of what they hold; a larger completion travels alone. */
const BATCH_SIZE = 500;
const BATCH_TEXT = 4 * 2 ** 20;
/** Max calls at the same time; more than one only while whole batches wait. */
const MOST_WRITERS = 2;
/** Refusals before a completion is given up that the store refuses when it comes alone. */
const PATIENCE = 3;
/**
 * The same where the store seems to be unavailable, but answers other calls: a server may cut the connection when it is sent too much. A completion of less
 * than so many characters is not to blame for that.
 */
const CUT_PATIENCE = 6;
const LARGE_TEXT = 2 ** 18;

/** Called once per completion, when its fate is durable. `undefined`: it could not be stored at all. */
export type OnAnswer<Item extends Completion> = (
  completion: Item,
  answer: CompletionAnswer | undefined,
) => void;

/** What is known of a completion that was refused when it came alone. */
interface Refusals {
  count: number;
  /** How often the store had answered when it was refused last. */
  answers: number;
}

/**
 * Writes completions in batches. Completions that arrive during a write form the next batch, so a single one is written at once. A second batch goes out
 * beside the first when it is full. Goes on through outages until it is told to give up.
 *
 * A batch that fails is made smaller, down to one: so one completion that the store cannot take holds up no other, whatever the error looks like.
 */
export class CompletionWriter<Item extends Completion> {
  readonly #store: WorkerStore;
  readonly #outage: Outage;
  readonly #onAnswer: OnAnswer<Item>;
  readonly #pending: Item[] = [];
  /** Refused when they came alone: written alone, when nothing else is pending. */
  readonly #suspects: Item[] = [];
  readonly #refusals = new WeakMap<Item, Refusals>();
  readonly #gaveUp = new AbortController();
  readonly #writers = new Set<Promise<void>>();
  /** Completions of the batches under way. */
  #sent = 0;
  /** Max completions of the next batch: halved when one fails, doubled when one is stored. */
  #limit = BATCH_SIZE;

  constructor(store: WorkerStore, outage: Outage, onAnswer: OnAnswer<Item>) {
    this.#store = store;
    this.#outage = outage;
    this.#onAnswer = onAnswer;
  }

  /** Completions that are not durable yet. */
  get size(): number {
    return this.#pending.length + this.#suspects.length + this.#sent;
  }

  add(completion: Item): void {
    this.#pending.push(completion);
    const isFlood = this.#pending.length >= BATCH_SIZE && this.#writers.size < MOST_WRITERS;
    if (this.#writers.size === 0 || (isFlood && !this.#isTroubled)) this.#startWriter();
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

  /** @param onEnd called synchronously after the last look at what is pending: completions that are added later begin anew. */
  async #writeAll(onEnd: () => void): Promise<void> {
    // Let everything that ends in this turn of the event loop join the first batch.
    await new Promise<void>((resolve) => setImmediate(resolve));
    while (this.#waiting > 0 && !this.#gaveUp.signal.aborted) {
      if (this.#isTroubled && this.#writers.size > 1) break;
      await this.#writeBatch(this.#takeBatch());
    }
    onEnd();
  }

  get #waiting(): number {
    return this.#pending.length + this.#suspects.length;
  }

  /** A completion that the store refuses is found by one writer alone: another one's successes would make it start over. */
  get #isTroubled(): boolean {
    return this.#limit < BATCH_SIZE;
  }

  #takeBatch(): readonly Item[] {
    if (this.#pending.length === 0) return this.#suspects.splice(0, 1);
    let count = 0;
    for (let text = 0; count < Math.min(this.#limit, this.#pending.length); count++) {
      text += textLength(this.#pending[count]!);
      if (count > 0 && text > BATCH_TEXT) break;
    }
    return this.#pending.splice(0, count);
  }

  async #writeBatch(batch: readonly Item[]): Promise<void> {
    this.#sent += batch.length;
    try {
      const answers = await this.#store.complete(batch);
      this.#sent -= batch.length;
      this.#outage.over();
      this.#limit = Math.min(BATCH_SIZE, 2 * this.#limit);
      batch.forEach((completion, index) => this.#answer(completion, answers[index] ?? "lost"));
    } catch (error) {
      this.#sent -= batch.length;
      await this.#refused(batch, error);
    }
  }

  async #refused(batch: readonly Item[], error: unknown): Promise<void> {
    const [only] = batch;
    if (batch.length === 1 && only !== undefined) {
      if (this.#refusedAlone(only, error)) return;
    } else {
      this.#pending.unshift(...batch);
      // An error about one of them is found soonest one by one; an outage is over for all of them at once.
      this.#limit = BackendUnavailable.is(error) ? Math.ceil(batch.length / 2) : 1;
    }
    await this.#outage.pause("store completions", error, this.#gaveUp.signal);
  }

  /** @returns whether the completion was given up. */
  #refusedAlone(completion: Item, error: unknown): boolean {
    const isUnavailable = BackendUnavailable.is(error);
    const { answers } = this.#outage;
    const refusals = this.#refusals.get(completion) ?? { count: 0, answers };
    // In an outage nobody is answered: then no completion is to blame.
    if (!isUnavailable || answers > refusals.answers) refusals.count++;
    refusals.answers = answers;
    this.#refusals.set(completion, refusals);
    const isLarge = textLength(completion) >= LARGE_TEXT;
    if (isUnavailable ? isLarge && refusals.count >= CUT_PATIENCE : refusals.count >= PATIENCE) {
      this.#replace(completion, error);
      return true;
    }
    if (refusals.count === 0) this.#pending.unshift(completion);
    else this.#suspects.push(completion);
    this.#limit = 1;
    return false;
  }

  /** What becomes of the answer must not make a stored batch look refused. */
  #answer(completion: Item, answer: CompletionAnswer | undefined): void {
    try {
      this.#onAnswer(completion, answer);
    } catch (error) {
      const { id } = completion;
      log("error", `The end of task ${id} could not be announced.`, { taskId: id, error });
    }
  }

  /** The store cannot keep this completion: store a plain failure instead, and if that is refused too, leave the row to recovery. */
  #replace(refused: Item, error: unknown): void {
    log("error", `The outcome of task ${refused.id} cannot be stored.`, {
      taskId: refused.id,
      error,
    });
    const isReplacement = refused.changes === null && refused.outcome.type === "failed";
    if (isReplacement) {
      this.#answer(refused, undefined);
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

/** About how much a completion makes a store write. */
function textLength({ outcome, changes }: Completion): number {
  const own = outcome.type === "successful" ? outcome.returnValueJson.length : 0;
  return own + (changes === null ? 0 : JSON.stringify(changes).length);
}
