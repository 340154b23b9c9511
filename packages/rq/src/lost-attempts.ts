import type { TaskRecord } from "@tasks/core";
import { recover, SessionWatch } from "@tasks/core/worker";

import type { RedisStore } from "./connection/redis-store.ts";
import type { Place, Records } from "./records.ts";
import { FIND_LOST, FORGET_SESSIONS, SESSIONS } from "./scripts/sessions.ts";

/** Max results of one batch. */
const BATCH_RESULTS = 500;

/** A session as the server shows it. */
type StoredSession = readonly [id: string, leaseMs: number, beat: string, held: number];

/** Watches the sessions of a backend, and recovers the attempts of dead ones. */
export class LostAttempts {
  readonly #store: RedisStore;
  readonly #records: Records;
  readonly #watch = new SessionWatch();

  constructor({ store, records }: { readonly store: RedisStore; readonly records: Records }) {
    this.#store = store;
    this.#records = records;
  }

  /** Resolves with those that ended FAILED. */
  async recover(): Promise<readonly TaskRecord[]> {
    const sessions = (await this.#store.run(SESSIONS)) as readonly StoredSession[];
    const { dead, expired } = this.#watch.observe(
      sessions.map(([sessionId, leaseMs, beat, held]) => ({
        sessionId,
        leaseMs,
        beat: beat === "0" ? null : beat,
        held,
      })),
    );
    const failed: TaskRecord[] = [];
    const beats = beatsOf(dead.filter(({ held }) => held > 0));
    if (beats.size > 0) {
      for (;;) {
        const changed = await this.#recoverBatch(beats);
        if (changed.length === 0) break;
        failed.push(...changed.filter(({ status }) => status === "FAILED"));
      }
    }
    if (expired.length > 0) await this.#store.run(FORGET_SESSIONS, [...beatsOf(expired)].flat());
    return failed;
  }

  async #recoverBatch(beats: ReadonlyMap<string, string>): Promise<readonly TaskRecord[]> {
    const values = [BATCH_RESULTS, ...[...beats].flat()];
    const found = (await this.#store.run(FIND_LOST, values)) as readonly string[];
    const places: Place[] = [];
    for (let at = 0; at < found.length; at += 2) {
      places.push({ queue: found[at]!, id: found[at + 1]! });
    }
    if (places.length === 0) return [];
    const changed = await this.#records.change(
      places,
      () =>
        ({ record, claim }, now) =>
          record.status === "RUNNING" ? recover(record, claim.session, now) : undefined,
      { deadBeats: beats },
    );
    return changed.filter((record) => record !== undefined);
  }
}

/** Heartbeats by session, as the server has them. */
function beatsOf(
  sessions: readonly { readonly sessionId: string; readonly beat: string | null }[],
): ReadonlyMap<string, string> {
  return new Map(sessions.map(({ sessionId, beat }) => [sessionId, beat ?? "0"]));
}
