import { clearTimeout as clearTimer, setTimeout as setTimer } from "node:timers";

import type { TaskRecord } from "@tasks/core";
import {
  transitions,
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

import { ClaimedJob } from "./claimed-job.ts";
import type { RedisStore, ScriptValue } from "./connection/redis-store.ts";
import { deferred } from "./deferred.ts";
import type { LeaseData } from "./lease.ts";
import type { Notifications } from "./notifications.ts";
import type { Fields } from "./record.ts";
import type { Place, Records } from "./records.ts";
import { CLAIM } from "./scripts/claim.ts";
import { CHECK_ATTEMPTS, SUCCEED, UPDATE } from "./scripts/complete.ts";
import { READY_IN, UNKNOWN_TASKS } from "./scripts/look.ts";
import { END_SESSION, FIND_LOST, HELD, RENEW } from "./scripts/sessions.ts";
import { toNumber } from "./stored-json.ts";
import { changeValues, leaseValues, servedValues, sessionKey } from "./worker-values.ts";

/** Lost results dealt with in one call, so that a crash of many workers does not hold up one for long. */
const RECOVER_RESULTS = 500;
/** Sessions that ended without signing off are shown this long, in milliseconds. */
const SESSION_GRACE_MS = 60_000;
/** How long after a failed claim its jobs are looked for, in milliseconds: the server may have carried it out. */
const IN_DOUBT_MS = 60_000;

/** What a store of one worker works with. */
export interface WorkerStoreParts {
  readonly store: RedisStore;
  readonly records: Records;
  readonly notifications: Notifications;
  readonly heartbeat: "thread" | "timer";
}

/** What was claimed here and is not completed. */
interface Held {
  readonly queue: string;
  readonly fence: number;
}

/** The time, queue, id and fields of what was claimed, and where to look on. */
type ClaimAnswer = readonly [number, readonly (readonly [string, string, Fields])[], number];

/** What the worker loop needs, on Redis. */
export class RedisWorkerStore implements WorkerStore {
  readonly #parts: WorkerStoreParts;
  readonly #store: RedisStore;
  readonly #held = new Map<string, Held>();
  #session = "";
  /** Until then a claim whose answer was lost may still turn out to have been carried out, on the clock of `performance.now()`. */
  #inDoubtUntilMs = Number.NEGATIVE_INFINITY;
  #interruptions = 0;

  constructor(parts: WorkerStoreParts) {
    this.#parts = parts;
    this.#store = parts.store;
  }

  async register(session: WorkerSession): Promise<void> {
    this.#session = sessionKey(session);
    await this.renewLease(session);
  }

  async renewLease(session: WorkerSession): Promise<void> {
    await this.#store.run(RENEW, leaseValues(session));
  }

  leaseThread(session: WorkerSession): LeaseThread | undefined {
    const { lease } = this.#store.opened;
    if (lease === null || this.#parts.heartbeat === "timer") return undefined;
    const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
    const data: LeaseData = {
      source: lease,
      lua: RENEW.lua,
      keys: this.#store.keys,
      values: leaseValues(session),
      leaseMs: session.leaseMs,
    };
    const module = lease.type === "wire" ? "lease" : "lease-by-client";
    return { module: new URL(`./${module}.${extension}`, import.meta.url), data };
  }

  async unregister(session: WorkerSession): Promise<void> {
    await this.#store.run(END_SESSION, [sessionKey(session)]);
  }

  async claim(request: ClaimRequest): Promise<readonly ClaimedTask[]> {
    if (this.#isInDoubt()) await this.#releaseUnheld(request.session);
    let passedOver = 0;
    for (;;) {
      const [now, jobs, lookOnFrom] = await this.#claimFrom(request, passedOver);
      passedOver = lookOnFrom;
      // Behind a heap of tasks that are not known here, others may wait.
      if (jobs.length > 0 || lookOnFrom === 0) return this.#hold(request.session, now, jobs);
    }
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
    const values = updates.flatMap((update) => [
      this.#queueOf(update.id),
      update.id,
      this.#token(update.fence),
      ...changeValues(update),
    ]);
    await this.#store.run(UPDATE, values);
  }

  async checkAttempts(
    _session: WorkerSession,
    attempts: readonly { readonly id: string; readonly fence: number }[],
  ): Promise<AttemptChecks> {
    const values = attempts.flatMap(({ id, fence }) => [this.#queueOf(id), id, this.#token(fence)]);
    const answers = (await this.#store.run(CHECK_ATTEMPTS, values)) as readonly number[];
    const cancelled = attempts.filter((_attempt, index) => answers[index] === 2);
    const lost = attempts.filter((_attempt, index) => answers[index] === 0);
    // No completion of a lost one will follow; a newer claim of the same result stays held.
    for (const { id, fence } of lost) this.#drop(id, fence);
    return { cancelled: cancelled.map(({ id }) => id), lost: lost.map(({ id }) => id) };
  }

  async recoverLost(_session: WorkerSession): Promise<readonly TaskRecord[]> {
    const found = (await this.#store.run(FIND_LOST, [
      RECOVER_RESULTS,
      SESSION_GRACE_MS,
    ])) as readonly string[];
    const places: Place[] = [];
    for (let at = 0; at < found.length; at += 2) {
      places.push({ queue: found[at]!, id: found[at + 1]! });
    }
    if (places.length === 0) return [];
    const changed = await this.#parts.records.change(
      places,
      () =>
        ({ record }, now) =>
          record.status === "RUNNING" ? transitions.lose(record, now) : undefined,
      true,
    );
    return changed.filter((record) => record?.status === "FAILED") as TaskRecord[];
  }

  async waitForWork(request: ClaimRequest, maxMs: number, signal: AbortSignal): Promise<void> {
    // Listening comes first: what is enqueued between the look and the wait is heard.
    const { promise, resolve } = deferred();
    const stopListening = this.#parts.notifications.listen("work", () => resolve());
    signal.addEventListener("abort", () => resolve(), { once: true });
    let timer: NodeJS.Timeout | undefined;
    try {
      const readyIn = (await this.#store.run(READY_IN, servedValues(request))) as string;
      if (readyIn === "0" || signal.aborted) return;
      timer = setTimer(resolve, readyIn === "" ? maxMs : Math.min(maxMs, Number(readyIn)));
      await promise;
    } finally {
      clearTimer(timer);
      stopListening();
    }
  }

  async unknownTasks(request: ClaimRequest): Promise<readonly string[]> {
    return (await this.#store.run(UNKNOWN_TASKS, servedValues(request))) as readonly string[];
  }

  async #claimFrom(request: ClaimRequest, passedOver: number): Promise<ClaimAnswer> {
    const { session, limit, id = "" } = request;
    const values = [...leaseValues(session), JSON.stringify(session.workerId), limit, id];
    try {
      return (await this.#store.run(CLAIM, [
        ...values,
        passedOver,
        ...servedValues(request),
      ])) as ClaimAnswer;
    } catch (error) {
      this.#inDoubtUntilMs = performance.now() + IN_DOUBT_MS;
      throw error;
    }
  }

  #hold({ workerId }: WorkerSession, now: number, jobs: ClaimAnswer[1]): readonly ClaimedTask[] {
    return jobs.map(([queue, id, fields]) => {
      const claimed = new ClaimedJob(queue, id, fields, workerId, now);
      this.#held.set(id, { queue, fence: claimed.fence });
      return claimed;
    });
  }

  /** The usual end of an attempt, as one script. @returns answers by position; `undefined` for what needs the other way. */
  async #succeedAll(completions: readonly Completion[]): Promise<(CompletionAnswer | undefined)[]> {
    const answers: (CompletionAnswer | undefined)[] = completions.map(() => undefined);
    const values: ScriptValue[] = [];
    const positions: number[] = [];
    completions.forEach(({ id, fence, outcome, changes }, index) => {
      if (outcome.type !== "successful") return;
      positions.push(index);
      values.push(this.#queueOf(id), id, this.#token(fence), outcome.returnValueJson);
      values.push(...changeValues(changes));
    });
    if (positions.length === 0) return answers;
    const stored = (await this.#store.run(SUCCEED, values)) as readonly number[];
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
    const changed = await this.#parts.records.change(places, (index) => (read, now) => {
      const completion = completions[index]!;
      const { fence, session } = read.claim;
      const isLatest = `${fence} ${session}` === this.#token(completion.fence);
      if (read.record.status !== "RUNNING" || !isLatest) {
        answers[index] = transitions.answerRepeated(read.record, completion, isLatest);
        return undefined;
      }
      const { record, answer } = transitions.settle(read.record, completion, now);
      settled.set(index, answer);
      return record;
    });
    return answers.map((answer, index) =>
      changed[index] === undefined ? answer : settled.get(index)!,
    );
  }

  #isInDoubt(): boolean {
    const { interruptions } = this.#store;
    if (interruptions !== this.#interruptions) {
      this.#interruptions = interruptions;
      this.#inDoubtUntilMs = performance.now() + IN_DOUBT_MS;
    }
    return performance.now() < this.#inDoubtUntilMs;
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
    if (unknown.length === 0) return;
    for (const { id, queue, fence } of unknown) this.#held.set(id, { queue, fence });
    const outcome = { type: "release" } as const;
    try {
      await this.complete(
        unknown.map(({ id, fence }) => ({ id, fence, outcome, changes: null, cancelled: false })),
      );
    } finally {
      // What could not be given back is still unknown, and will be found again.
      for (const { id, fence } of unknown) this.#drop(id, fence);
    }
  }

  /** What tells an attempt from all others of the same result. */
  #token(fence: number): string {
    return `${fence} ${this.#session}`;
  }

  #queueOf(id: string): string {
    return this.#held.get(id)?.queue ?? "";
  }

  #drop(id: string, fence: number): void {
    if (this.#held.get(id)?.fence === fence) this.#held.delete(id);
  }
}
