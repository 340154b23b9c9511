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

import type { Executor, Row } from "./connection.ts";
import { deferred } from "./deferred.ts";
import type { Success } from "./dialect.ts";
import { readArgs, readWorkerIds, toNumber, toRecord, toText } from "./rows.ts";
import type { Store } from "./store.ts";

/** Lost rows dealt with in one call, so that a crash of many workers does not hold up one for long. */
const RECOVER_ROWS = 500;
/** How long a worker waits for its first lease before it looks for work all the same, in milliseconds. */
const REGISTER_MS = 100;
/** Sessions that ended without signing off are shown this long, in milliseconds. */
const SESSION_GRACE_MS = 60_000;

/** What the worker loop needs, on a database. */
export class DatabaseWorkerStore implements WorkerStore {
  readonly #store: Store;
  readonly #onFinished: (ids: readonly string[]) => void;
  #lastClaimMs = performance.now();
  /** The latest renewal made here. */
  #lease: Promise<void> | undefined;
  #hasLease = false;

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
    const rows = await dialect.claim(connection, scope, request, async () => {
      // After a pause of the whole process the lease may be over, and what is claimed now would count as lost at once.
      await (isStale ? this.#grantLease(request.session) : this.#lease);
    });
    return rows.map((row) => new ClaimedRow(row));
  }

  async complete(completions: readonly Completion[]): Promise<readonly CompletionAnswer[]> {
    const answers = await this.#store.transaction((executor) =>
      this.#completeAll(executor, completions),
    );
    this.#onFinished(completions.map(({ id }) => id));
    if (completions.some(({ outcome }) => outcome.type !== "successful")) {
      // A retry, snooze or release may be work for another worker of this process.
      this.#store.changes.announce();
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
    return database.leaseFile === null
      ? undefined
      : dialect.leaseThread?.(database.leaseFile, scope, session);
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
      if (state?.["status"] !== "RUNNING" || toNumber(state["fence"]) !== fence) lost.push(id);
      else if (toNumber(state["cancel_requested"]) !== 0) cancelled.push(id);
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
    this.#store.changes.announce();
    this.#onFinished(finished.map(({ id }) => id));
    return finished;
  }

  async waitForWork(request: ClaimRequest, maxMs: number, signal: AbortSignal): Promise<void> {
    const { dialect, scope, changes } = this.#store;
    const connection = await this.#store.connection();
    // Listening comes first: what is committed between the look and the wait is heard.
    const { promise, resolve } = deferred();
    const stopListening = changes.listen(resolve);
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

  async #completeAll(
    executor: Executor,
    completions: readonly Completion[],
  ): Promise<readonly CompletionAnswer[]> {
    const { dialect, scope } = this.#store;
    const successes: Success[] = [];
    const changed: Completion[] = [];
    for (const completion of completions) {
      const { id, fence, outcome, changes } = completion;
      if (outcome.type !== "successful") continue;
      successes.push({ id, fence, returnValueJson: outcome.returnValueJson });
      if (changes !== null) changed.push(completion);
    }
    if (changed.length > 0) {
      const updates = changed.map(({ id, fence, changes }) => ({
        id,
        fence,
        ...encodeChanges(changes ?? {}),
      }));
      await dialect.updateRunning(executor, scope, updates);
    }
    const stored = successes.length === 0 ? [] : await dialect.succeed(executor, scope, successes);
    const answers: CompletionAnswer[] = [];
    let next = 0;
    for (const completion of completions) {
      const isStored = completion.outcome.type === "successful" && stored[next++] === true;
      answers.push(isStored ? "recorded" : await this.#settle(executor, completion));
    }
    return answers;
  }

  /** The way of every outcome but a plain success: core's own transition, on the locked row. */
  async #settle(executor: Executor, completion: Completion): Promise<CompletionAnswer> {
    const { dialect, scope } = this.#store;
    const row = await dialect.lockRow(executor, scope, completion.id);
    if (row?.["status"] !== "RUNNING" || toNumber(row["fence"]) !== completion.fence) return "lost";
    const now = new Date(await dialect.now(executor));
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
      if (row?.["status"] !== "RUNNING") continue;
      const record = transitions.lose(toRecord(row), now);
      await dialect.saveRow(executor, scope, record);
      if (record.status === "FAILED") finished.push(record);
    }
    return finished;
  }
}

/** A claimed row that decodes only what is asked for. */
class ClaimedRow implements ClaimedTask {
  readonly id: string;
  readonly fence: number;
  readonly taskName: string;
  readonly #row: Row;
  #record: TaskRecord | undefined;

  constructor(row: Row) {
    this.#row = row;
    this.id = toText(row["id"]);
    this.fence = toNumber(row["fence"]);
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
