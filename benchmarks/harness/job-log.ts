import { monotonicMs, type Handled } from "./commands.ts";

/** Notes every job a worker handles: the count that is independent of what the queue says about itself. */
export class JobLog {
  readonly #jobs: number[] = [];
  readonly #beganAtMs: number[] = [];
  readonly #cpuAtStart = process.cpuUsage();
  #inHand = 0;
  #mostAtOnce = 0;

  get count(): number {
    return this.#jobs.length;
  }

  /** The job itself: nothing but its entry here. */
  async handle(job: number): Promise<void> {
    this.#beganAtMs.push(monotonicMs());
    this.#jobs.push(job);
    this.#mostAtOnce = Math.max(this.#mostAtOnce, ++this.#inHand);
    await Promise.resolve();
    this.#inHand--;
  }

  report(): Handled {
    const { user, system } = process.cpuUsage(this.#cpuAtStart);
    return {
      jobs: this.#jobs,
      beganAtMs: this.#beganAtMs,
      mostAtOnce: this.#mostAtOnce,
      cpuUs: user + system,
    };
  }
}
