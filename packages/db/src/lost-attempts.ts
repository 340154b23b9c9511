import { BackendUnavailable, log, type TaskRecord } from "@tasks/core";
import { recover, SessionWatch, transitions } from "@tasks/core/worker";

import type { Connection, Executor } from "./connection.ts";
import type { StoredSession } from "./dialect.ts";
import { toRecord, toText } from "./rows.ts";
import { runSteps, step, type Steps } from "./steps.ts";
import type { Store } from "./store.ts";

/** Max rows of one transaction. */
const BATCH_ROWS = 500;

/** What a check recovered. */
export interface Recovered {
  readonly count: number;
  /** Those that ended FAILED. */
  readonly failed: readonly TaskRecord[];
}

/** What one transaction did. */
interface Batch extends Recovered {
  /** It found as many rows as it may, so there may be more. */
  readonly isFull: boolean;
  /** The sessions that are dead still. */
  readonly dead: readonly StoredSession[];
}

/** Watches the sessions of a backend, and recovers the attempts of dead ones. */
export class LostAttempts {
  readonly #store: Store;
  readonly #watch = new SessionWatch();

  constructor(store: Store) {
    this.#store = store;
  }

  async recover(): Promise<Recovered> {
    const connection = await this.#store.connection();
    const { dialect, scope } = this.#store;
    const { dead, expired } = this.#watch.observe(await dialect.readSessions(connection, scope));
    const failed: TaskRecord[] = [];
    let count = 0;
    let holders = dead.filter(({ isHolder }) => isHolder);
    while (holders.length > 0) {
      const batch = await this.#recoverBatch(connection, holders).catch((error: unknown) => {
        if (BackendUnavailable.is(error)) throw error;
        return this.#recoverEach(connection, holders);
      });
      count += batch.count;
      failed.push(...batch.failed);
      holders = batch.isFull ? [...batch.dead] : [];
    }
    if (expired.length > 0) await dialect.deleteSessions(connection, scope, expired);
    return { count, failed };
  }

  #recoverBatch(connection: Connection, sessions: readonly StoredSession[]): Promise<Batch> {
    return connection.transaction((executor) => runSteps(this.#loseBatch(executor, sessions)));
  }

  *#loseBatch(executor: Executor, sessions: readonly StoredSession[]): Steps<Batch> {
    const { dialect, scope } = this.#store;
    const ids = sessions.map(({ sessionId }) => sessionId);
    const rows = yield* step(dialect.lockLost(executor, scope, ids, BATCH_ROWS));
    // Read again under the locks: a worker may have renewed since, and would lose a live attempt.
    const dead = yield* this.#stillDead(executor, sessions);
    const lost = new Set(dead.map(({ sessionId }) => sessionId));
    const now = new Date(yield* step(dialect.now(executor)));
    const records = rows
      .filter((row) => lost.has(toText(row["session_id"])))
      .map((row) => recover(toRecord(row), toText(row["session_id"]), now));
    yield* step(dialect.saveRows(executor, scope, records));
    const failed = records.filter(({ status }) => status === "FAILED");
    return { count: records.length, failed, isFull: rows.length === BATCH_ROWS, dead };
  }

  /** The database refused a row of a batch: each row gets a transaction of its own, so that one does not keep the others. */
  async #recoverEach(connection: Connection, sessions: readonly StoredSession[]): Promise<Batch> {
    const { dialect, scope } = this.#store;
    const ids = sessions.map(({ sessionId }) => sessionId);
    const rows = await connection.transaction((executor) =>
      dialect.lockLost(executor, scope, ids, BATCH_ROWS),
    );
    const records: TaskRecord[] = [];
    for (const id of rows.map((row) => toText(row["id"]))) {
      const record = await this.#recoverOne(connection, sessions, id);
      if (record !== undefined) records.push(record);
    }
    const failed = records.filter(({ status }) => status === "FAILED");
    const isFull = rows.length === BATCH_ROWS && records.length > 0;
    return { count: records.length, failed, isFull, dead: sessions };
  }

  /** Recovers a row, if need be without its history. `undefined` when it is not lost any more, or cannot be stored at all. */
  async #recoverOne(
    connection: Connection,
    sessions: readonly StoredSession[],
    id: string,
  ): Promise<TaskRecord | undefined> {
    const recover = (refusal?: unknown): Promise<TaskRecord | undefined> =>
      connection.transaction((executor) =>
        runSteps(this.#loseOne(executor, sessions, id, refusal)),
      );
    try {
      return await recover().catch((error: unknown) => {
        if (BackendUnavailable.is(error)) throw error;
        return recover(error);
      });
    } catch (error) {
      if (BackendUnavailable.is(error)) throw error;
      log("error", `Task ${id} was lost, and its end cannot be stored.`, { taskId: id, error });
      return undefined;
    }
  }

  /** @param refusal why the row cannot be stored with its history. */
  *#loseOne(
    executor: Executor,
    sessions: readonly StoredSession[],
    id: string,
    refusal: unknown,
  ): Steps<TaskRecord | undefined> {
    const { dialect, scope } = this.#store;
    const [row] = yield* step(dialect.lockRows(executor, scope, [id]));
    const dead = yield* this.#stillDead(executor, sessions);
    const isLost = dead.some(({ sessionId }) => sessionId === toText(row?.["session_id"]));
    if (row === undefined || !isLost || toRecord(row).status !== "RUNNING") return undefined;
    const now = new Date(yield* step(dialect.now(executor)));
    const lost = recover(toRecord(row), toText(row["session_id"]), now);
    const record = refusal === undefined ? lost : transitions.failUnstorable(lost, refusal, now);
    yield* step(dialect.saveRows(executor, scope, [record]));
    return record;
  }

  *#stillDead(
    executor: Executor,
    sessions: readonly StoredSession[],
  ): Steps<readonly StoredSession[]> {
    const { dialect, scope } = this.#store;
    const seen = yield* step(dialect.readSessions(executor, scope));
    const beats = new Map(seen.map(({ sessionId, beat }) => [sessionId, beat]));
    return sessions.filter(({ sessionId, beat }) => (beats.get(sessionId) ?? null) === beat);
  }
}
