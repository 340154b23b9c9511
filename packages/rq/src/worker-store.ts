import { clearTimeout as clearTimer, setTimeout as setTimer } from "node:timers";
// Without "node:": webpack knows the class by this name, and builds what it starts.
// oxlint-disable-next-line unicorn/prefer-node-protocol
import { Worker, type WorkerOptions } from "worker_threads";

import type { TaskRecord } from "@tasks/core";
import {
  ClaimDoubt,
  givenBackBy,
  transitions,
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
} from "@tasks/core/worker";

import type { Batches } from "./batches.ts";
import { ClaimedJob, type ClaimedFields } from "./claimed-job.ts";
import type { RedisStore, ScriptValue } from "./connection/redis-store.ts";
import { deferred } from "./deferred.ts";
import { LostAttempts } from "./lost-attempts.ts";
import type { Notifications } from "./notifications.ts";
import type { Records, Transition } from "./records.ts";
import type { LeaseData } from "./redis-lease.ts";
import { CLAIM } from "./scripts/claim.ts";
import { CHECK_ATTEMPTS, START, SUCCEED, UPDATE } from "./scripts/complete.ts";
import { READY_IN, UNKNOWN_TASKS } from "./scripts/look.ts";
import { END_SESSION, GIVE_BACK, HELD, RENEW } from "./scripts/sessions.ts";
import { toNumber } from "./stored-json.ts";
import { changeValues, leaseValues, servedValues, sessionKey } from "./worker-values.ts";

/** What a store of one worker works with. */
export interface WorkerStoreParts {
  readonly store: RedisStore;
  readonly records: Records;
  readonly batches: Batches;
  readonly notifications: Notifications;
  readonly heartbeat: "thread" | "timer";
}

/** What was claimed here and is not completed. */
interface Held {
  readonly queue: string;
  readonly fence: number;
}

/**
 * A claim makes at most this many times 1,000 due tasks ready before it takes the most urgent of
 * them.
 */
const MAX_STRICT_CLAIMS = 20;

/** The time, what was claimed, and 1 when not all that is ready was looked at. */
type ClaimAnswer = readonly [number, readonly ClaimedFields[], number];

/** What the worker loop needs, on Redis. */
export class RedisWorkerStore implements WorkerStore {
  readonly #parts: WorkerStoreParts;
  readonly #store: RedisStore;
  /** The session that registered. */
  #sessionId = "";
  readonly #held = new Map<string, Held>();
  readonly #lost: LostAttempts;
  readonly #doubt = new ClaimDoubt();
  #interruptions = 0;

  constructor(parts: WorkerStoreParts) {
    this.#parts = parts;
    this.#store = parts.store;
    this.#lost = new LostAttempts(parts);
  }

  async register(session: WorkerSession): Promise<void> {
    this.#sessionId = session.sessionId;
    await this.renewLease(session);
  }

  async renewLease(session: WorkerSession): Promise<void> {
    await this.#store.run(RENEW, leaseValues(session));
  }

  leaseThread(session: WorkerSession): LeaseThread | undefined {
    const { lease } = this.#store.opened;
    if (lease === null || this.#parts.heartbeat === "timer") return undefined;
    const data: LeaseData = {
      source: lease,
      keys: this.#store.keys,
      renew: { lua: RENEW.lua, values: leaseValues(session) },
      giveBack: {
        lua: GIVE_BACK.lua,
        values: [sessionKey(session), givenBackBy(sessionKey(session))],
      },
      leaseMs: session.leaseMs,
    };
    const start = (options: WorkerOptions): Worker =>
      lease.type === "wire"
        ? new Worker(new URL("./redis-lease.js", import.meta.url), options)
        : new Worker(new URL("./redis-client-lease.js", import.meta.url), options);
    return { start, data };
  }

  async unregister(session: WorkerSession): Promise<void> {
    await this.#store.run(END_SESSION, [sessionKey(session)]);
  }

  async claim(request: ClaimRequest): Promise<readonly ClaimedTask[]> {
    if (this.#isInDoubt()) await this.#releaseUnheld(request.session);
    for (let count = 1; ; count++) {
      const [now, jobs, isMore] = await this.#claimOnce(request, count <= MAX_STRICT_CLAIMS);
      // A claim is over when all due tasks are ready, and when tasks that are not known here hide
      // no others.
      if (jobs.length > 0 || isMore === 0) return this.#hold(request.session, now, jobs);
    }
  }

  async start(attempts: readonly AttemptRef[]): Promise<void> {
    const values = attempts.flatMap((ref) => [this.#queueOf(ref.id), ref.id, this.#tokenOf(ref)]);
    await this.#store.run(START, values);
  }

  async complete(completions: readonly Completion[]): Promise<readonly CompletionAnswer[]> {
    const answers = await this.#succeedAll(completions);
    const others = completions.flatMap((completion, index) =>
      answers[index] === undefined ? [{ completion, index }] : [],
    );
    if (others.length > 0) {
      const settled = await this.#settleAll(others.map(({ completion }) => completion));
      others.forEach(({ index }, at) => (answers[index] = settled[at]!));
    }
    for (const { id, fence } of completions) this.#drop(id, fence);
    return answers.map((answer) => answer ?? "lost");
  }

  async update(updates: readonly AttemptUpdate[]): Promise<void> {
    await this.#store.runInChunks(
      UPDATE,
      updates.map((update) => [
        this.#queueOf(update.id),
        update.id,
        this.#tokenOf(update),
        ...changeValues(update),
      ]),
    );
  }

  async checkAttempts(
    { sessionId }: WorkerSession,
    attempts: readonly { readonly id: string; readonly fence: number }[],
  ): Promise<AttemptChecks> {
    // With none, it is asked whether the store answers.
    if (attempts.length === 0) await this.#store.run(CHECK_ATTEMPTS);
    const answers = await this.#store.runInChunks(
      CHECK_ATTEMPTS,
      attempts.map(({ id, fence }) => [this.#queueOf(id), id, this.#tokenOf({ fence, sessionId })]),
    );
    const lost = attempts.filter((_attempt, index) => answers[index] === 0);
    const idsWith = (bit: number): readonly string[] =>
      attempts.filter((_attempt, index) => (answers[index]! & bit) !== 0).map(({ id }) => id);
    // No completion of a lost one will follow; a newer claim of the same result stays held.
    for (const { id, fence } of lost) this.#drop(id, fence);
    return { cancelled: idsWith(2), lost: lost.map(({ id }) => id), paused: idsWith(4) };
  }

  async recoverLost(_session: WorkerSession): Promise<readonly TaskRecord[]> {
    await this.#parts.batches.publishLeft();
    return this.#lost.recover();
  }

  async waitForWork(request: ClaimRequest, maxMs: number, signal: AbortSignal): Promise<void> {
    // Listening comes first: what is enqueued between the look and the wait is heard.
    const { promise, resolve } = deferred();
    const stopListening = this.#parts.notifications.listen("work", () => resolve());
    const onAbort = (): void => resolve();
    signal.addEventListener("abort", onAbort, { once: true });
    let timer: NodeJS.Timeout | undefined;
    try {
      const readyIn = (await this.#store.run(READY_IN, servedValues(request))) as string;
      if (readyIn === "0" || signal.aborted) return;
      timer = setTimer(resolve, readyIn === "" ? maxMs : Math.min(maxMs, Number(readyIn)));
      await promise;
    } finally {
      clearTimer(timer);
      signal.removeEventListener("abort", onAbort);
      stopListening();
    }
  }

  async unknownTasks(request: ClaimRequest): Promise<readonly string[]> {
    return (await this.#store.run(UNKNOWN_TASKS, servedValues(request))) as readonly string[];
  }

  /** @param isStrict claims nothing before all due tasks are ready. */
  async #claimOnce(request: ClaimRequest, isStrict: boolean): Promise<ClaimAnswer> {
    const { session, limit, id = "" } = request;
    const worker = JSON.stringify(session.workerId);
    const values = [...leaseValues(session), worker, limit, id, isStrict ? 1 : 0];
    try {
      return (await this.#store.run(CLAIM, [...values, ...servedValues(request)])) as ClaimAnswer;
    } catch (error) {
      this.#doubt.begin();
      throw error;
    }
  }

  #hold({ workerId }: WorkerSession, now: number, jobs: ClaimAnswer[1]): readonly ClaimedTask[] {
    return jobs.map((job) => {
      const claimed = new ClaimedJob(job, workerId, now);
      this.#held.set(claimed.id, { queue: claimed.queue, fence: claimed.fence });
      return claimed;
    });
  }

  /** The usual end of an attempt, as one script. @returns answers by position; `undefined` for what needs the other way. */
  async #succeedAll(completions: readonly Completion[]): Promise<(CompletionAnswer | undefined)[]> {
    const answers: (CompletionAnswer | undefined)[] = completions.map(() => undefined);
    const items: ScriptValue[][] = [];
    const positions: number[] = [];
    completions.forEach((completion, index) => {
      const { id, outcome, changes } = completion;
      if (outcome.type !== "successful") return;
      positions.push(index);
      const { returnValueJson } = outcome;
      const token = this.#tokenOf(completion);
      items.push([this.#queueOf(id), id, token, returnValueJson, ...changeValues(changes)]);
    });
    const stored = await this.#store.runInChunks(SUCCEED, items);
    positions.forEach((position, at) => {
      if (stored[at] !== 2) answers[position] = stored[at] === 1 ? "recorded" : "lost";
    });
    return answers;
  }

  /** The way of every outcome but a plain success: core's own transition. */
  async #settleAll(completions: readonly Completion[]): Promise<readonly CompletionAnswer[]> {
    const answers: CompletionAnswer[] = completions.map(() => "lost");
    const settled = new Map<number, CompletionAnswer>();
    const places = completions.map(({ id }) => ({ queue: this.#queueOf(id), id }));
    const settle =
      (index: number): Transition =>
      (read, now) => {
        const completion = completions[index]!;
        const { fence, session } = read.claim;
        const isLatest = `${fence} ${session}` === this.#tokenOf(completion);
        if (read.record.status !== "RUNNING" || !isLatest) {
          answers[index] = transitions.answerRepeated(read.record, completion, isLatest);
          return undefined;
        }
        const { record, answer } = transitions.settle(read.record, completion, now);
        settled.set(index, answer);
        return record;
      };
    const changed = await this.#parts.records.change(places, settle, { withoutArgs: true });
    return answers.map((answer, index) =>
      changed[index] === undefined ? answer : settled.get(index)!,
    );
  }

  #isInDoubt(): boolean {
    const { interruptions } = this.#store;
    if (interruptions !== this.#interruptions) {
      this.#interruptions = interruptions;
      this.#doubt.begin();
    }
    return this.#doubt.isDue;
  }

  /** Gives back what a claim took whose answer never arrived: this session keeps it alive, and does not know of it. */
  async #releaseUnheld(session: WorkerSession): Promise<void> {
    const held = (await this.#store.run(HELD, [sessionKey(session)])) as readonly [
      string,
      string,
      string,
    ][];
    const unknown = held
      .map(([queue, id, fence]) => ({ queue, id, fence: toNumber(fence) }))
      .filter(({ id, fence }) => this.#held.get(id)?.fence !== fence);
    if (unknown.length === 0) {
      this.#doubt.checked();
      return;
    }
    for (const { id, queue, fence } of unknown) this.#held.set(id, { queue, fence });
    const { sessionId } = session;
    const release = { outcome: { type: "release" }, changes: null, cancelled: false } as const;
    try {
      await this.complete(unknown.map(({ id, fence }) => ({ id, fence, sessionId, ...release })));
      this.#doubt.checked();
    } finally {
      // What could not be given back is still unknown, and will be found again.
      for (const { id, fence } of unknown) this.#drop(id, fence);
    }
  }

  /** Tells an attempt from all others of the same result. One whose session is not named is of the one that registered here. */
  #tokenOf({ fence, sessionId = this.#sessionId }: Omit<AttemptRef, "id">): string {
    return `${fence} ${sessionKey({ sessionId })}`;
  }

  #queueOf(id: string): string {
    return this.#held.get(id)?.queue ?? "";
  }

  #drop(id: string, fence: number): void {
    if (this.#held.get(id)?.fence === fence) this.#held.delete(id);
  }
}
