import { clearTimeout as clearTimer, setTimeout as setTimer } from "node:timers";
import { setTimeout } from "node:timers/promises";

import { BackendUnavailable, type TaskRecord } from "@tasks/core";
import {
  ClaimDoubt,
  transitions,
  type AttemptChanges,
  type AttemptChecks,
  type AttemptRef,
  type AttemptUpdate,
  type ClaimRequest,
  type ClaimedTask,
  type Completion,
  type CompletionAnswer,
  type LeaseThread,
  type WorkerSession,
  type WorkerStore,
  monotonicNow,
} from "@tasks/core/worker";
import { sql } from "kysely";

import type { Executor, Row } from "./connection.ts";
import { deferred } from "./deferred.ts";
import type { EncodedUpdate, OwnedAttempt, Success } from "./dialect.ts";
import { LostAttempts } from "./lost-attempts.ts";
import { readArgs, readAttempts, toNumber, toRecord, toText } from "./rows.ts";
import { runSteps, step, type Steps } from "./steps.ts";
import type { Store } from "./store.ts";
import { inSchemaOf, PHASE } from "./tables.ts";

/** How long a worker waits for its first lease before it looks for work all the same, in milliseconds. */
const REGISTER_MS = 100;
/** The longest pause after promises of work that proved empty, in milliseconds: its rows are locked, or of tasks the worker does not know. */
const MAX_MISS_PAUSE_MS = 100;

/** What the worker loop needs, on a database. */
export class DatabaseWorkerStore implements WorkerStore {
  readonly #store: Store;
  readonly #onFinished: (ids: readonly string[]) => void;
  #lastClaimMs = monotonicNow();
  /** The last wait ended because a row was due, or is by now. */
  #isPromised = false;
  /** Claims in a row that found nothing although something was promised. */
  #misses = 0;
  /** The latest renewal made here. */
  #lease: Promise<void> | undefined;
  #hasLease = false;
  /** What was claimed here and is not completed, by id. */
  /** The session that registered. */
  #sessionId = "";
  readonly #held = new Map<string, ClaimedRow>();
  readonly #doubt = new ClaimDoubt();

  readonly #lost: LostAttempts;

  constructor(store: Store, onFinished: (ids: readonly string[]) => void) {
    this.#store = store;
    this.#onFinished = onFinished;
    this.#lost = new LostAttempts(store);
  }

  async register(session: WorkerSession): Promise<void> {
    this.#sessionId = session.sessionId;
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
    const connection = await this.#store.connection();
    const { dialect, scope } = this.#store;
    const now = monotonicNow();
    const sinceMs = now - this.#lastClaimMs;
    const isStale = this.#lease === undefined || sinceMs > request.session.leaseMs / 2;
    this.#lastClaimMs = now;
    if (this.#doubt.isDue) await this.#releaseUnheld(request.session);
    try {
      const whenFound = async (): Promise<void> => {
        // After a pause of the whole process the lease may be over, and what is claimed now would count as lost at once.
        await (isStale ? this.#grantLease(request.session) : this.#lease);
      };
      const rows = await dialect.claim(connection, scope, request, {
        whenFound,
        isFresh: !isStale && this.#hasLease,
        misses: this.#misses,
      });
      this.#misses = rows.length === 0 && this.#isPromised ? this.#misses + 1 : 0;
      this.#isPromised = false;
      const claimed = rows.map((row) => new ClaimedRow(row));
      for (const row of claimed) this.#held.set(row.id, row);
      return claimed;
    } catch (error) {
      this.#doubt.begin();
      throw error;
    }
  }

  async start(attempts: readonly AttemptRef[]): Promise<void> {
    const connection = await this.#store.connection();
    const { dialect, scope } = this.#store;
    await dialect.freeStartedKeys(connection, scope, this.#owned(attempts));
  }

  async complete(brought: readonly Completion[]): Promise<readonly CompletionAnswer[]> {
    const completions = this.#owned(brought);
    const answers = await this.#completeAll(completions).catch((error: unknown) =>
      this.#failUnstorable(completions, error),
    );
    for (const { id, fence } of completions) this.#letGo(id, fence);
    this.#announceFinished(completions.map(({ id }) => id));
    if (completions.some(({ outcome }) => outcome.type !== "successful")) {
      // A retry, snooze or release may be work for another worker.
      this.#store.changes.announce("work");
    }
    return answers;
  }

  async update(updates: readonly AttemptUpdate[]): Promise<void> {
    const encoded = this.#owned(updates).map((update) => encodeUpdate(update, update));
    await this.#store.transaction((executor) => {
      const { dialect, scope } = this.#store;
      return dialect.updateRunning(executor, scope, encoded);
    });
  }

  async renewLease(session: WorkerSession): Promise<void> {
    const connection = await this.#store.connection();
    const { dialect, scope } = this.#store;
    await dialect.renewLease(connection, scope, session);
    this.#hasLease = true;
  }

  leaseThread(session: WorkerSession): LeaseThread | undefined {
    const { database, dialect, isLocated } = this.#store;
    // Nothing was claimed yet, and nothing can be renewed before the tables are found.
    if (!isLocated) return undefined;
    const { scope } = this.#store;
    return database.leaseSource === null
      ? undefined
      : dialect.leaseThread?.(database.leaseSource, scope, session);
  }

  async checkAttempts(
    { sessionId }: WorkerSession,
    attempts: readonly { readonly id: string; readonly fence: number }[],
  ): Promise<AttemptChecks> {
    const connection = await this.#store.connection();
    const { dialect, scope } = this.#store;
    const ids = attempts.map(({ id }) => id);
    const rows = await dialect.readStates(connection, scope, ids);
    const states = new Map(rows.map((row) => [toText(row["id"]), row]));
    const cancelled: string[] = [];
    const lost: string[] = [];
    const paused: string[] = [];
    for (const { id, fence } of attempts) {
      const state = states.get(id);
      if (state === undefined || !isRunning(state) || !isLatest(state, { id, fence, sessionId })) {
        lost.push(id);
        // No completion will follow.
        this.#letGo(id, fence);
        continue;
      }
      if (toNumber(state["cancel_requested"]) !== 0) cancelled.push(id);
      if (toNumber(state["is_paused"]) !== 0) paused.push(id);
    }
    return { cancelled, lost, paused };
  }

  async recoverLost(_session: WorkerSession): Promise<readonly TaskRecord[]> {
    const { count, failed } = await this.#lost.recover();
    if (count > 0) {
      this.#store.changes.announce("work");
      this.#announceFinished(failed.map(({ id }) => id));
    }
    return failed;
  }

  async waitForWork(request: ClaimRequest, maxMs: number, signal: AbortSignal): Promise<void> {
    const connection = await this.#store.connection();
    const { dialect, scope, changes } = this.#store;
    // Listening comes first: what is committed between the look and the wait is heard.
    const { promise, resolve } = deferred();
    const stopListening = changes.listen("work", resolve);
    const onAbort = (): void => resolve();
    signal.addEventListener("abort", onAbort, { once: true });
    let timer: NodeJS.Timeout | undefined;
    try {
      const readyInMs = await dialect.readyInMs(connection, scope, request);
      // The first miss is usual: another worker was faster.
      const pauseMs = this.#misses < 2 ? 0 : Math.min(MAX_MISS_PAUSE_MS, 2 ** this.#misses);
      const waitMs = Math.max(pauseMs, readyInMs ?? maxMs);
      if (waitMs === 0 || signal.aborted) {
        this.#isPromised = readyInMs === 0;
        return;
      }
      timer = setTimer(
        () => {
          this.#isPromised = readyInMs !== null && readyInMs <= maxMs;
          resolve();
        },
        Math.min(maxMs, waitMs),
      );
      await promise;
    } finally {
      clearTimer(timer);
      signal.removeEventListener("abort", onAbort);
      stopListening();
    }
  }

  async unknownTasks(request: ClaimRequest): Promise<readonly string[]> {
    const connection = await this.#store.connection();
    const { dialect, scope } = this.#store;
    return dialect.unknownTasks(connection, scope, request);
  }

  /** Attempts whose session is not named are of the one that registered here. */
  #owned<Ref extends AttemptRef>(attempts: readonly Ref[]): readonly (Ref & OwnedAttempt)[] {
    return attempts.map((attempt) =>
      isOwned(attempt) ? attempt : { ...attempt, sessionId: this.#sessionId },
    );
  }

  /** A newer claim of the same result stays held. */
  #letGo(id: string, fence: number): void {
    if (this.#held.get(id)?.fence === fence) this.#held.delete(id);
  }

  /** Gives back what a claim took whose answer never arrived: this session keeps it alive, and does not know of it. */
  async #releaseUnheld({ sessionId }: WorkerSession): Promise<void> {
    const connection = await this.#store.connection();
    const { dialect, scope, tables } = this.#store;
    const { sql: text, parameters } = inSchemaOf(dialect.builder, tables)
      .selectFrom(tables.results)
      .select(["id", "fence"])
      .where("backend", "=", scope.backend)
      .where("phase", "=", sql.lit(PHASE.running))
      .where("session_id", "=", sessionId)
      .compile();
    const rows = await connection.query(text, parameters as readonly string[]);
    const unknown = rows
      .map((row) => ({ id: toText(row["id"]), fence: toNumber(row["fence"]), sessionId }))
      .filter(({ id, fence }) => this.#held.get(id)?.fence !== fence)
      .map((row) => ({ ...row, outcome: RELEASE, changes: null, cancelled: false }));
    if (unknown.length > 0) {
      await this.#completeAll(unknown);
      this.#store.changes.announce("work");
    }
    this.#doubt.checked();
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
    const connection = await this.#store.connection();
    const { dialect, scope } = this.#store;
    await dialect.endSession(connection, scope, sessionId);
  }

  async #completeAll(
    completions: readonly OwnedCompletion[],
  ): Promise<readonly CompletionAnswer[]> {
    const isPlain = completions.every(
      ({ outcome, changes }) => outcome.type === "successful" && changes === null,
    );
    if (!isPlain) {
      return this.#store.transaction((executor) =>
        runSteps(this.#succeedAndSettle(executor, completions)),
      );
    }
    // The usual case is one statement, which stands by itself.
    const connection = await this.#store.connection();
    const stored = await runSteps(this.#succeedAll(connection, completions));
    return stored.size === completions.length
      ? completions.map(() => "recorded")
      : this.#store.transaction((executor) =>
          runSteps(this.#settleOthers(executor, completions, stored)),
        );
  }

  *#succeedAndSettle(
    executor: Executor,
    completions: readonly OwnedCompletion[],
  ): Steps<readonly CompletionAnswer[]> {
    const stored = yield* this.#succeedAll(executor, completions);
    return yield* this.#settleOthers(executor, completions, stored);
  }

  /** Stores successes. Gives those that were stored. */
  *#succeedAll(
    executor: Executor,
    completions: readonly OwnedCompletion[],
  ): Steps<ReadonlySet<OwnedCompletion>> {
    const { dialect, scope } = this.#store;
    const successful: OwnedCompletion[] = [];
    const successes: Success[] = [];
    for (const completion of completions) {
      const { id, fence, sessionId, outcome } = completion;
      if (outcome.type !== "successful") continue;
      successful.push(completion);
      const held = this.#held.get(id);
      const seq = held?.fence === fence ? held.seq : null;
      successes.push({ id, fence, sessionId, seq, returnValueJson: outcome.returnValueJson });
    }
    if (successes.length === 0) return new Set();
    const updates = successful
      .filter(({ changes }) => changes !== null)
      .map((completion) => encodeUpdate(completion, completion.changes ?? {}));
    if (updates.length > 0) yield* step(dialect.updateRunning(executor, scope, updates));
    const stored = yield* step(dialect.succeed(executor, scope, successes));
    return new Set(successful.filter((_completion, index) => stored[index] === true));
  }

  /** The last resort for a failure that the database refuses, because of what the row holds besides: an attempt must not run for ever. */
  async #failUnstorable(
    completions: readonly OwnedCompletion[],
    error: unknown,
  ): Promise<readonly CompletionAnswer[]> {
    const isAlone = completions.length === 1 && completions[0]!.outcome.type === "failed";
    if (!isAlone || BackendUnavailable.is(error)) throw error;
    return this.#store.transaction((executor) =>
      runSteps(this.#settleOthers(executor, completions, new Set(), error)),
    );
  }

  /** The path of every outcome but a plain success: core's own transitions, on locked rows. */
  *#settleOthers(
    executor: Executor,
    completions: readonly OwnedCompletion[],
    stored: ReadonlySet<OwnedCompletion>,
    refusal?: unknown,
  ): Steps<readonly CompletionAnswer[]> {
    const { dialect, scope } = this.#store;
    const ids = completions.filter((one) => !stored.has(one)).map(({ id }) => id);
    const locked = yield* step(dialect.lockRows(executor, scope, [...new Set(ids)]));
    const rows = new Map(locked.map((row) => [toText(row["id"]), row]));
    const now = new Date(yield* step(dialect.now(executor)));
    const settled = new Map<string, TaskRecord>();
    const answers = completions.map((completion): CompletionAnswer => {
      if (stored.has(completion)) return "recorded";
      const row = rows.get(completion.id);
      if (row === undefined) return "lost";
      const before = settled.get(completion.id) ?? toRecord(row);
      const isOwn = isLatest(row, completion);
      if (before.status !== "RUNNING" || !isOwn) {
        return transitions.answerRepeated(before, completion, isOwn);
      }
      const { record, answer } = transitions.settle(before, completion, now);
      settled.set(
        completion.id,
        refusal === undefined ? record : transitions.failUnstorable(record, refusal, now),
      );
      return answer;
    });
    yield* step(dialect.saveRows(executor, scope, [...settled.values()]));
    return answers;
  }
}

function isRunning(row: Row): boolean {
  return toNumber(row["phase"]) === PHASE.running;
}

function isOwned<Ref extends AttemptRef>(attempt: Ref): attempt is Ref & OwnedAttempt {
  return attempt.sessionId !== undefined;
}

/** No claim came after the attempt's. */
function isLatest(row: Row, { fence, sessionId }: AttemptRef): boolean {
  return toNumber(row["fence"]) === fence && row["session_id"] === sessionId;
}

/** A completion that names its session. */
type OwnedCompletion = Completion & OwnedAttempt;

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

  get holdsKey(): boolean {
    return toNumber(this.#row["holds_key"]) !== 0;
  }

  get attempt(): number {
    return readAttempts(this.#row["worker_ids"]).attempts;
  }

  args(): ReturnType<ClaimedTask["args"]> {
    return readArgs(this.#row["args"]);
  }

  record(): TaskRecord {
    this.#record ??= toRecord(this.#row);
    return this.#record;
  }
}

function encodeUpdate(
  { id, fence, sessionId }: OwnedAttempt,
  { progress, metadata, logs }: AttemptChanges,
): EncodedUpdate {
  const encode = (value: unknown): string | null =>
    value === undefined ? null : JSON.stringify(value);
  const parts = { progress: encode(progress), metadata: encode(metadata), logs: encode(logs) };
  return { id, fence, sessionId, ...parts };
}
