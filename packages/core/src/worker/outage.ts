import { BackendUnavailable, InvalidTaskBackend, NotSupported } from "../errors.ts";
import { monotonicNow } from "../internal/monotonic-now.ts";
import { sleep } from "../internal/timing.ts";
import { log } from "../log.ts";

/** Longest pause between two tries, in milliseconds: a store that returns is noticed within this time. The shortest of a lasting outage is two thirds of it. */
const LONGEST_PAUSE_MS = 1500;
/** A lasting outage is reported this often, in milliseconds. */
const REPORT_EVERY_MS = 30_000;

/** Someone has to change the store or its configuration first: waiting does not help. */
export function isPermanent(error: unknown): boolean {
  if (BackendUnavailable.is(error)) return "isPermanent" in error && error.isPermanent === true;
  return InvalidTaskBackend.is(error) || NotSupported.is(error);
}

/** Pauses that grow with every failure in a row, with jitter, and reports that do not. */
export class Outage {
  readonly #who: string;
  #failures = 0;
  #reportedAt = Number.NEGATIVE_INFINITY;
  #answers = 0;
  /** The text of the permanent error that was reported last. */
  #reported: string | undefined;

  /** @param who begins the log lines. */
  constructor(who: string) {
    this.#who = who;
  }

  /** Notes a failure and pauses. */
  async pause(doing: string, error: unknown, signal?: AbortSignal): Promise<void> {
    this.#failures++;
    const text = error instanceof Error ? error.message : String(error);
    if (isPermanent(error)) {
      // Said once: it stays true until someone acts. Each step may put it in other words.
      const isNew = text !== this.#reported && this.#isDueAgain();
      if (this.#reported === undefined || isNew) {
        this.#reportedAt = monotonicNow();
        this.#reported = text;
        log("error", `${this.#who} cannot ${doing} until this is mended; it keeps trying.`, {
          error,
        });
      }
    } else if (this.#isDueAgain()) {
      this.#reportedAt = monotonicNow();
      log("warn", `${this.#who} could not ${doing}; trying again.`, { error });
    }
    const longest = Math.min(LONGEST_PAUSE_MS, 25 * 2 ** Math.min(this.#failures, 10));
    await sleep((longest * (2 + Math.random())) / 3, signal);
  }

  /** How often the store has answered. */
  get answers(): number {
    return this.#answers;
  }

  /** Someone was told that the store has to be changed first. */
  get isPermanent(): boolean {
    return this.#reported !== undefined;
  }

  #isDueAgain(): boolean {
    return monotonicNow() - this.#reportedAt > REPORT_EVERY_MS;
  }

  /** Notes that the store answered. */
  over(): void {
    this.#answers++;
    if (this.#failures > 1) log("info", `${this.#who} reached its store again.`);
    this.#failures = 0;
    this.#reported = undefined;
    this.#reportedAt = Number.NEGATIVE_INFINITY;
  }
}
