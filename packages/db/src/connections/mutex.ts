import { deferred } from "../deferred.ts";

/** Lets one piece of work at a time have a connection, first come, first served. */
export class Mutex {
  #tail: Promise<void> | undefined;

  /** Nobody holds it or waits for it. */
  get isFree(): boolean {
    return this.#tail === undefined;
  }

  /** Runs `work` when everyone before is done. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    const before = this.#tail;
    const { promise, resolve } = deferred();
    this.#tail = promise;
    try {
      if (before !== undefined) await before;
      return await work();
    } finally {
      resolve();
      if (this.#tail === promise) this.#tail = undefined;
    }
  }
}
