import type { Worker } from "../backend.ts";

/** A worker of the target and one that relays, seen as one. */
export class OutboxWorker implements Worker {
  readonly #relay: Worker;
  readonly #target: Worker;
  readonly #isBatch: boolean;

  /** @param isBatch what is in the outbox is moved first; then the target's worker runs what is ready. */
  constructor(relay: Worker, target: Worker, isBatch: boolean) {
    this.#relay = relay;
    this.#target = target;
    this.#isBatch = isBatch;
  }

  get workerId(): string {
    return this.#target.workerId;
  }

  async run(): Promise<void> {
    if (this.#isBatch) {
      await this.#relay.run();
      await this.#target.run();
      return;
    }
    const relaying = this.#relay.run();
    try {
      await this.#target.run();
    } finally {
      await this.#relay.stop();
      await relaying;
    }
  }

  async stop(): Promise<void> {
    await Promise.all([this.#target.stop(), this.#relay.stop()]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
