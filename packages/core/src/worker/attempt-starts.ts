import type { Outage } from "./outage.ts";
import type { AttemptRef, WorkerStore } from "./worker-store.ts";

/** An attempt that waits for its start to be stored. */
interface Waiting {
  readonly ref: AttemptRef;
  readonly signal: AbortSignal;
  readonly resolve: () => void;
}

/**
 * Stores that attempts start, for tasks whose unique key is held until then. Starts that arrive during a call make the next one. Goes on through outages:
 * a function runs only when the key of its task is free.
 */
export class AttemptStarts {
  readonly #store: WorkerStore;
  readonly #outage: Outage;
  readonly #waiting: Waiting[] = [];
  #isWriting = false;

  constructor(store: WorkerStore, outage: Outage) {
    this.#store = store;
    this.#outage = outage;
  }

  /** Resolves when the start is stored, or the signal fired first. */
  async add(ref: AttemptRef, signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#waiting.push({ ref, signal, resolve });
      if (!this.#isWriting) void this.#writeAll();
    });
  }

  async #writeAll(): Promise<void> {
    this.#isWriting = true;
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0);
      const open = batch.filter(({ signal }) => !signal.aborted);
      try {
        if (open.length > 0) await this.#store.start?.(open.map(({ ref }) => ref));
        for (const { resolve } of batch) resolve();
      } catch (error) {
        for (const { signal, resolve } of batch) if (signal.aborted) resolve();
        this.#waiting.unshift(...batch.filter(({ signal }) => !signal.aborted));
        await this.#outage.pause("start tasks", error);
      }
    }
    this.#isWriting = false;
  }
}
