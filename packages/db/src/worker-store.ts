import { clearTimeout as clearTimer, setTimeout as setTimer } from "node:timers";
import { setTimeout } from "node:timers/promises";

import type { TaskRecord } from "@tasks/core";
import {
  transitions,
  type AttemptChanges,
  type AttemptChecks,
  type AttemptUpdate,
  type ClaimRequest,
  type ClaimedTask,
  type Completion,
  type CompletionAnswer,
  type LeaseThread,
  type WorkerSession,
  type WorkerStore,
} from "@tasks/core/worker";
import { sql } from "kysely";

import type { Executor, Row } from "./connection.ts";
import { deferred } from "./deferred.ts";
import type { Success } from "./dialect.ts";
import { readArgs, readWorkerIds, toNumber, toRecord, toText } from "./rows.ts";
import type { Store } from "./store.ts";
import { PHASE } from "./tables.ts";

/** Lost rows dealt with in one call, so that a crash of many workers does not hold up one for long. */
const RECOVER_ROWS = 500;
/** How long a worker waits for its first lease before it looks for work all the same, in milliseconds. */
const REGISTER_MS = 100;
/** Sessions that ended without signing off are shown this long, in milliseconds. */
const SESSION_GRACE_MS = 60_000;
/** How long after a failed claim its rows are looked for, in milliseconds: a server may take a while to see that its client is gone. */
const IN_DOUBT_MS = 60_000;

/** What the worker loop needs, on a database. */
export class DatabaseWorkerStore implements WorkerStore {
  readonly #store: Store;
  readonly #onFinished: (ids: readonly string[]) => void;
  #lastClaimMs = performance.now();
  /** The latest renewal made here. */
  #lease: Promise<void> | undefined;
  #hasLease = false;
  /** What was claimed here and is not completed, by id. */
  readonly #held = new Map<string, ClaimedRow>();
  /** Until then a claim whose answer was lost may still turn out to have been committed, on the clock of `performance.now()`. */
  #inDoubtUntilMs = Number.NEGATIVE_INFINITY;

  constructor(store: Store, onFinished: (ids: readonly string[]) => void) {
    this.#store = store;
    this.#onFinished = onFinished;
  }

  async register(session: WorkerSession): Promise<void> {
    // A writer that holds the database for long need not keep a worker from starting: it needs the lease with its first claim.
    await Promise.race([
      this.#grantLease(session),
      setTimeout(REGISTER_MS, undefined, { ref: false }),
    ]);
  }

  async unregister(session: WorkerSession): Promise<void> {
    if (this.#hasLease) await this.#endSession(session);
    // A lease that is not granted yet was not needed either; it is given back when it arrives.
    else void this.#lease?.then(() => this.#endSession(session)).catch(() => undefined);
  }

  async claim(request: ClaimRequest): Promise<readonly ClaimedTask[]> {
    const { dialect, scope } = this.#store;
    const connection = await this.#store.connection();
    const now = performance.now();
    const sinceMs = now - this.#lastClaimMs;
    const isStale = this.#lease === undefined || sinceMs > request.session.leaseMs / 2;
    this.#lastClaimMs = now;
    if (now < this.#inDoubtUntilMs) await this.#releaseUnheld(request.session);
    try {
      const rows = await dialect.claim(connection, scope, request, async () => {
        // After a pause of the whole process the lease may be over, and what is claimed now would count as lost at once.
        await (isStale ? this.#grantLease(request.session) : this.#lease);
      });
      const claimed = rows.map((row) => new ClaimedRow(row));
      for (const row of claimed) this.#held.set(row.id, row);
      return claimed;
    } catch (error) {
      this.#inDoubtUntilMs = performance.now() + IN_DOUBT_MS;
      throw error;
    }
  }

  async complete(completions: readonly Completion[]): Promise<readonly CompletionAnswer[]> {
    const answers = await this.#completeAll(completions);
    for (const { id, fence } of completions) this.#letGo(id, fence);
    this.#announceFinished(completions.map(({ id }) => id));
    if (completions.some(({ outcome }) => outcome.type !== "successful")) {
      // A retry, snooze or release may be work for another worker.
      this.#store.changes.announce("work");
    }
    return answers;
  }

  async update(updates: readonly AttemptUpdate[]): Promise<void> {
    const { dialect, scope } = this.#store;
    const encoded = updates.map((update) => ({
      id: update.id,
      fence: update.fence,
      ...encodeChanges(update),
    }));
    await this.#store.transaction((executor) => dialect.updateRunning(executor, scope, encoded));
  }

  async renewLease(session: WorkerSession): Promise<void> {
    const { dialect, scope } = this.#store;
    await dialect.renewLease(await this.#store.connection(), scope, session);
    this.#hasLease = true;
  }

  leaseThread(session: WorkerSession): LeaseThread | undefined {
    const { database, dialect, scope } = this.#store;
    return database.leaseSource === null
      ? undefined
      : dialect.leaseThread?.(database.leaseSource, scope, session);
  }

  async checkAttempts(
    _session: WorkerSession,
    attempts: readonly { readonly id: string; readonly fence: number }[],
  ): Promise<AttemptChecks> {
    const { dialect, scope } = this.#store;
    const connection = await this.#store.connection();
    const ids = attempts.map(({ id }) => id);
    const rows = await dialect.readStates(connection, scope, ids);
    const states = new Map(rows.map((row) => [toText(row["id"]), row]));
    const cancelled: string[] = [];
    const lost: string[] = [];
    for (const { id, fence } of attempts) {
      const state = states.get(id);
      if (state === undefined || !isRunning(state) || toNumber(state["fence"]) !== fence) {
        lost.push(id);
        // No completion will follow.
        this.#letGo(id, fence);
      } else if (toNumber(state["cancel_requested"]) !== 0) cancelled.push(id);
    }
    return { cancelled, lost };
  }

  async recoverLost(_session: WorkerSession): Promise<readonly TaskRecord[]> {
    const { dialect, scope } = this.#store;
    const connection = await this.#store.connection();
    const ids = await dialect.findLost(connection, scope, RECOVER_ROWS);
    if (ids.length === 0) {
      await dialect.forgetSessions(connection, scope, SESSION_GRACE_MS);
      return [];
    }
    const finished = await connection.transaction((executor) => this.#lose(executor));
    this.#store.changes.announce("work");
    this.#announceFinished(finished.map(({ id }) => id));
    return finished;
  }

  async waitForWork(request: ClaimRequest, maxMs: number, signal: AbortSignal): Promise<void> {
    const { dialect, scope, changes } = this.#store;
    const connection = await this.#store.connection();
    // Listening comes first: what is committed between the look and the wait is heard.
    const { promise, resolve } = deferred();
    const stopListening = changes.listen("work", resolve);
    signal.addEventListener("abort", () => resolve(), { once: true });
    let timer: NodeJS.Timeout | undefined;
    try {
      const readyInMs = await dialect.readyInMs(connection, scope, request);
      if (readyInMs === 0 || signal.aborted) return;
      timer = setTimer(resolve, Math.min(maxMs, readyInMs ?? maxMs));
      await promise;
    } finally {
      clearTimer(timer);
      stopListening();
    }
  }

  async unknownTasks(request: ClaimRequest): Promise<readonly string[]> {
    const { dialect, scope } = this.#store;
    return dialect.unknownTasks(await this.#store.connection(), scope, request);
  }

  /** A newer claim of the same result stays held. */
  #letGo(id: string, fence: number): void {
    if (this.#held.get(id)?.fence === fence) this.#held.delete(id);
  }

  /** Gives back what a claim took whose answer never arrived: this session keeps it alive, and does not know of it. */
  async #releaseUnheld({ sessionId }: WorkerSession): Promise<void> {
    const { dialect, scope, tables } = this.#store;
    const { sql: text, parameters } = dialect.builder
      .selectFrom(tables.results)
      .select(["id", "fence"])
      .where("backend", "=", scope.backend)
      .where("phase", "=", sql.lit(PHASE.running))
      .where("session_id", "=", sessionId)
      .compile();
    const connection = await this.#store.connection();
    const rows = await connection.query(text, parameters as readonly string[]);
    const unknown = rows
      .map((row) => ({ id: toText(row["id"]), fence: toNumber(row["fence"]) }))
      .filter(({ id, fence }) => this.#held.get(id)?.fence !== fence)
      .map((row) => ({ ...row, outcome: RELEASE, changes: null, cancelled: false }));
    if (unknown.length === 0) return;
    await this.#completeAll(unknown);
    this.#store.changes.announce("work");
  }

  #announceFinished(ids: readonly string[]): void {
    this.#onFinished(ids);
    this.#store.changes.announce("finished");
  }

  #grantLease(session: WorkerSession): Promise<void> {
    const lease = this.renewLease(session);
    this.#lease = lease;
    // The next claim asks again; nobody need be waiting for this one any more.
    lease.catch(() => {
      if (this.#lease === lease) this.#lease = undefined;
    });
    return lease;
  }

  async #endSession({ sessionId }: WorkerSession): Promise<void> {
    const { dialect, scope } = this.#store;
    await dialect.endSession(await this.#store.connection(), scope, sessionId);
  }

  async #completeAll(completions: readonly Completion[]): Promise<readonly CompletionAnswer[]> {
    const isPlain = completions.every(
      ({ outcome, changes }) => outcome.type === "successful" && changes === null,
    );
    if (!isPlain) {
      return this.#store.transaction(async (executor) => {
        const stored = await this.#succeedAll(executor, completions);
        return this.#settleOthers(executor, completions, stored);
      });
    }
    // The usual case is one statement, which stands by itself.
    const stored = await this.#succeedAll(await this.#store.connection(), completions);
    return stored.size === completions.length
      ? completions.map(() => "recorded")
      : this.#store.transaction((executor) => this.#settleOthers(executor, completions, stored));
  }

  /** Stores successes. Resolves with those that were stored. */
  async #succeedAll(
    executor: Executor,
    completions: readonly Completion[],
  ): Promise<ReadonlySet<Completion>> {
    const { dialect, scope } = this.#store;
    const successful: Completion[] = [];
    const successes: Success[] = [];
    for (const completion of completions) {
      const { id, fence, outcome } = completion;
      if (outcome.type !== "successful") continue;
      successful.push(completion);
      const held = this.#held.get(id);
      const seq = held?.fence === fence ? held.seq : null;
      successes.push({ id, fence, seq, returnValueJson: outcome.returnValueJson });
    }
    if (successes.length === 0) return new Set();
    const updates = successful
      .filter(({ changes }) => changes !== null)
      .map(({ id, fence, changes }) => ({ id, fence, ...encodeChanges(changes ?? {}) }));
    if (updates.length > 0) await dialect.updateRunning(executor, scope, updates);
    const stored = await dialect.succeed(executor, scope, successes);
    return new Set(successful.filter((_completion, index) => stored[index] === true));
  }

  async #settleOthers(
    executor: Executor,
    completions: readonly Completion[],
    stored: ReadonlySet<Completion>,
  ): Promise<readonly CompletionAnswer[]> {
    const now = new Date(await this.#store.dialect.now(executor));
    const answers: CompletionAnswer[] = [];
    for (const completion of completions) {
      answers.push(
        stored.has(completion) ? "recorded" : await this.#settle(executor, completion, now),
      );
    }
    return answers;
  }

  /** The way of every outcome but a plain success: core's own transition, on the locked row. */
  async #settle(executor: Executor, completion: Completion, now: Date): Promise<CompletionAnswer> {
    const { dialect, scope } = this.#store;
    const row = await dialect.lockRow(executor, scope, completion.id);
    if (row === undefined) return "lost";
    const isLatest = toNumber(row["fence"]) === completion.fence;
    if (!isRunning(row) || !isLatest) {
      return transitions.answerRepeated(toRecord(row), completion, isLatest);
    }
    const { record, answer } = transitions.settle(toRecord(row), completion, now);
    await dialect.saveRow(executor, scope, record);
    return answer;
  }

  async #lose(executor: Executor): Promise<readonly TaskRecord[]> {
    const { dialect, scope } = this.#store;
    const now = new Date(await dialect.now(executor));
    const finished: TaskRecord[] = [];
    // Looked up again inside the transaction: a worker may have come back, or another one may have been here.
    for (const id of await dialect.findLost(executor, scope, RECOVER_ROWS)) {
      const row = await dialect.lockRow(executor, scope, id);
      if (row === undefined || !isRunning(row)) continue;
      const record = transitions.lose(toRecord(row), now);
      await dialect.saveRow(executor, scope, record);
      if (record.status === "FAILED") finished.push(record);
    }
    return finished;
  }
}

function isRunning(row: Row): boolean {
  return toNumber(row["phase"]) === PHASE.running;
}

const RELEASE = { type: "release" } as const;

/** A claimed row that decodes only what is asked for. */
class ClaimedRow implements ClaimedTask {
  readonly id: string;
  readonly fence: number;
  readonly seq: number;
  readonly taskName: string;
  readonly #row: Row;
  #record: TaskRecord | undefined;

  constructor(row: Row) {
    this.#row = row;
    this.id = toText(row["id"]);
    this.fence = toNumber(row["fence"]);
    this.seq = toNumber(row["seq"]);
    this.taskName = toText(row["task_name"]);
  }

  get attempt(): number {
    return readWorkerIds(this.#row["worker_ids"]).length;
  }

  args(): ReturnType<ClaimedTask["args"]> {
    return readArgs(this.#row["args"]);
  }

  record(): TaskRecord {
    this.#record ??= toRecord(this.#row);
    return this.#record;
  }
}

/** Parts of a row as JSON text; `null` for those that stay as they are. */
function encodeChanges({ progress, metadata, logs }: AttemptChanges): {
  readonly progress: string | null;
  readonly metadata: string | null;
  readonly logs: string | null;
} {
  const encode = (value: unknown): string | null =>
    value === undefined ? null : JSON.stringify(value);
  return { progress: encode(progress), metadata: encode(metadata), logs: encode(logs) };
}
