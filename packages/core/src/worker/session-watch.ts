import { monotonicNow } from "../internal/monotonic-now.ts";

/** A session as its store shows it. */
export interface SeenSession {
  readonly sessionId: string;
  /** How long the session's lease lasts without a renewal, in milliseconds. */
  readonly leaseMs: number;
  /** Changes with every renewal; `null` when the session has ended, or holds results and is not registered. */
  readonly beat: string | number | null;
}

/** Workers check for dead sessions every half second, and more often where leases are short: a pause up to this counts, in milliseconds. */
const USUAL_PAUSE_MS = 600;
/** Dead sessions are listed among the workers this long, in milliseconds. */
const SHOWN_MS = 60_000;

/** What is known of one session. */
interface Watched {
  readonly beat: SeenSession["beat"];
  /** How long its heartbeat has stood still while it was watched, in milliseconds. */
  readonly stillMs: number;
  /** The latest pause between two observations was too long to count. */
  readonly wasUnwatched: boolean;
}

/**
 * Decides which sessions are dead: those whose heartbeat stood still for a whole lease while it was watched, on this process's monotonic clock. No wall
 * clock is compared, of this machine or of the store's, so a clock that jumps neither ends a lease nor extends one.
 *
 * A long pause between two observations does not count: the store may have been away, or this process may have stalled, and live workers need time to
 * renew. The second long pause in a row counts in part, so that a machine that is always late still finds dead sessions.
 */
export class SessionWatch {
  readonly #now: () => number;
  #watched = new Map<string, Watched>();
  #lastMs = Number.NaN;

  /** @param now the monotonic clock, in milliseconds. */
  constructor(now: () => number = monotonicNow) {
    this.#now = now;
  }

  /**
   * Call twice a second, or ten times in a lease if that is more often, with every session that is registered or holds RUNNING results.
   *
   * @returns the dead ones; and those that have been dead for a minute, for the store to delete.
   */
  observe<Session extends SeenSession>(
    sessions: readonly Session[],
  ): { readonly dead: readonly Session[]; readonly expired: readonly Session[] } {
    const nowMs = this.#now();
    const pauseMs = nowMs - this.#lastMs;
    this.#lastMs = nowMs;
    const before = this.#watched;
    this.#watched = new Map();
    const longestLeaseMs = Math.max(0, ...sessions.map(({ leaseMs }) => leaseMs));
    const usualMs = Math.min(USUAL_PAUSE_MS, longestLeaseMs / 4);
    const dead: Session[] = [];
    const expired: Session[] = [];
    for (const session of sessions) {
      const watched = observed(before.get(session.sessionId), session, pauseMs, usualMs);
      this.#watched.set(session.sessionId, watched);
      if (session.beat !== null && watched.stillMs < session.leaseMs) continue;
      dead.push(session);
      if (watched.stillMs >= session.leaseMs + SHOWN_MS) expired.push(session);
    }
    return { dead, expired };
  }
}

function observed(
  before: Watched | undefined,
  { beat, leaseMs }: SeenSession,
  pauseMs: number,
  usualMs: number,
): Watched {
  if (before === undefined || before.beat !== beat) {
    return { beat, stillMs: 0, wasUnwatched: false };
  }
  const longestMs = Math.max(leaseMs / 4, usualMs);
  if (pauseMs <= longestMs) {
    return { beat, stillMs: before.stillMs + pauseMs, wasUnwatched: false };
  }
  const countedMs = before.wasUnwatched ? longestMs : 0;
  return { beat, stillMs: before.stillMs + countedMs, wasUnwatched: true };
}
