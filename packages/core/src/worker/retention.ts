import type { Backend } from "../backend.ts";
import { every } from "../internal/timing.ts";
import { log } from "../log.ts";
import type { ResolvedRetention } from "./worker-options.ts";

/**
 * Deletes old finished results while a worker runs: when it starts, then again and again.
 *
 * Nobody is in charge of it. Workers that do so at the same time delete what is still there, a batch each, and harm nobody.
 */
export class Retention {
  readonly #backend: Backend;
  readonly #options: ResolvedRetention;
  readonly #who: string;
  readonly #stopping: AbortSignal;
  /** The look at hand. */
  #look: Promise<void> | undefined;

  /**
   * @param who begins the log lines.
   * @param stopping ends a look after the batch at hand.
   */
  constructor(backend: Backend, options: ResolvedRetention, who: string, stopping: AbortSignal) {
    this.#backend = backend;
    this.#options = options;
    this.#who = who;
    this.#stopping = stopping;
  }

  /** Looks now and from now on; the returned function ends that. */
  start(): () => void {
    void this.#begin();
    return every(
      this.#options.everyMs,
      () => this.#begin(),
      () => undefined,
    );
  }

  /** Resolves when the look at hand is over. Never rejects. */
  async done(): Promise<void> {
    await this.#look;
  }

  #begin(): Promise<void> {
    this.#look ??= this.#prune().finally(() => {
      this.#look = undefined;
    });
    return this.#look;
  }

  async #prune(): Promise<void> {
    const { everyMs, ...options } = this.#options;
    try {
      const count = await this.#backend.prune({ ...options, signal: this.#stopping });
      if (count > 0) log("info", `${this.#who} deleted ${count} old task result(s).`);
    } catch (error) {
      if (this.#stopping.aborted) return;
      log("warn", `${this.#who} could not delete old results; trying again in ${everyMs} ms.`, {
        error,
      });
    }
  }
}
