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
    // Neither works without the other, and the failure of either is that of both.
    const runs = [this.#target, this.#relay].map(async (worker) => {
      try {
        await worker.run();
      } finally {
        await this.#stopOther(worker);
      }
    });
    const results = await Promise.allSettled(runs);
    const failed = results.find(({ status }) => status === "rejected");
    if (failed?.status === "rejected") throw failed.reason;
  }

  async stop(): Promise<void> {
    await Promise.all([this.#target.stop(), this.#relay.stop()]);
  }

  async #stopOther(ended: Worker): Promise<void> {
    await (ended === this.#relay ? this.#target : this.#relay).stop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
