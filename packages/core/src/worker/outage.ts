import { sleep } from "../internal/timing.ts";
import { log } from "../log.ts";

/** Longest pause between two tries, in milliseconds: a store that returns is noticed within this time. The shortest of a lasting outage is two thirds of it. */
const LONGEST_PAUSE_MS = 1500;
/** A lasting outage is reported this often, in milliseconds. */
const REPORT_EVERY_MS = 30_000;

/** Pauses that grow with every failure in a row, with jitter, and reports that do not. */
export class Outage {
  readonly #who: string;
  #failures = 0;
  #reportedAt = Number.NEGATIVE_INFINITY;

  /** @param who begins the log lines. */
  constructor(who: string) {
    this.#who = who;
  }

  /** Notes a failure and pauses. */
  async pause(doing: string, error: unknown, signal?: AbortSignal): Promise<void> {
    this.#failures++;
    if (performance.now() - this.#reportedAt > REPORT_EVERY_MS) {
      this.#reportedAt = performance.now();
      log("warn", `${this.#who} could not ${doing}; trying again.`, { error });
    }
    const longest = Math.min(LONGEST_PAUSE_MS, 25 * 2 ** Math.min(this.#failures, 10));
    await sleep((longest * (2 + Math.random())) / 3, signal);
  }

  /** Notes that the store answered. */
  over(): void {
    if (this.#failures > 1) log("info", `${this.#who} reached its store again.`);
    this.#failures = 0;
    this.#reportedAt = Number.NEGATIVE_INFINITY;
  }
}
