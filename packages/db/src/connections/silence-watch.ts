import { setTimeout } from "node:timers";

import { monotonicNow } from "@tasks/core/worker";

/** How long an answer is awaited before the server is asked about it, in milliseconds. */
const PATIENCE_MS = 1000;
/** The pause after a question that found nothing, in milliseconds. */
const AGAIN_MS = 500;
/** How long an answer that is on its way may take, in milliseconds. */
const LAST_CHANCE_MS = 200;
/** The slowest a statement may travel, in bytes per millisecond: the server seems idle until it has all of it. */
const SLOWEST = 100;

/** A connection in use. */
export interface Watched {
  /** What the server calls the connection. */
  readonly serverId: number;
  /** Bytes sent on it so far. */
  bytesWritten(): number;
  /** A statement has been sent and not been answered. */
  isWaiting(): boolean;
  /** Breaks the connection off: what waits for it fails with the error. */
  giveUp(error: Error): void;
}

/** What is asked and told by somebody in doubt, by connections made for it. Rejects while the server cannot be reached. */
export interface Inquiry {
  /** Which of some connections the server has nothing to do for. Those it does not know, as behind a proxy, are not among them. */
  findIdle(serverIds: readonly number[]): Promise<readonly number[]>;
  /** Has the server end connections, so that they let go of their locks. */
  end(serverIds: readonly number[]): Promise<void>;
}

/**
 * When a connection was taken into use, on the clock of `monotonicNow()`, and what had been sent on
 * it by then.
 */
interface Begin {
  readonly atMs: number;
  readonly bytes: number;
}

/**
 * Finds connections that fell silent, long before a limit on answers does: whoever has waited for a second has the server asked, by a connection made for
 * it, whether it is working on the statement at all. Slow statements go on; those the server knows nothing of, as behind a network that swallowed them, or
 * their answer, are given up.
 */
export class SilenceWatch {
  readonly #inquiry: Inquiry;
  readonly #inUse = new Map<Watched, Begin>();
  #timer: NodeJS.Timeout | undefined;

  constructor(inquiry: Inquiry) {
    this.#inquiry = inquiry;
  }

  begin(watched: Watched): void {
    this.#inUse.set(watched, { atMs: monotonicNow(), bytes: watched.bytesWritten() });
    if (this.#timer === undefined) this.#lookIn(PATIENCE_MS);
  }

  end(watched: Watched): void {
    this.#inUse.delete(watched);
  }

  #lookIn(ms: number): void {
    // What is waited for keeps the process alive, not the looks at it.
    this.#timer = setTimeout(() => void this.#look(), ms).unref();
  }

  async #look(): Promise<void> {
    const overdue = this.#overdue();
    if (overdue.length > 0) await this.#ask(overdue);
    this.#timer = undefined;
    if (this.#inUse.size > 0) this.#lookIn(overdue.length > 0 ? AGAIN_MS : PATIENCE_MS);
  }

  #overdue(): readonly Watched[] {
    const nowMs = monotonicNow();
    return [...this.#inUse]
      .filter(([watched, { atMs, bytes }]) => {
        const travelMs = (watched.bytesWritten() - bytes) / SLOWEST;
        return nowMs - atMs >= PATIENCE_MS + travelMs && watched.isWaiting();
      })
      .map(([watched]) => watched);
  }

  async #ask(overdue: readonly Watched[]): Promise<void> {
    let idle: ReadonlySet<number>;
    try {
      idle = new Set(await this.#inquiry.findIdle(overdue.map(({ serverId }) => serverId)));
    } catch {
      return;
    }
    const isSilent = (watched: Watched): boolean =>
      this.#inUse.has(watched) && watched.isWaiting() && idle.has(watched.serverId);
    if (!overdue.some(isSilent)) return;
    await new Promise((resolve) => setTimeout(resolve, LAST_CHANCE_MS).unref());
    const silent = overdue.filter(isSilent);
    for (const watched of silent) {
      watched.giveUp(
        new Error("the connection fell silent: the server is not working on the statement"),
      );
    }
    const ids = silent.map(({ serverId }) => serverId);
    // Without it the server finds out by itself, later.
    if (ids.length > 0) await this.#inquiry.end(ids).catch(() => undefined);
  }
}
