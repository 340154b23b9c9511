import assert from "node:assert/strict";

import {
  DuplicateTask,
  taskState,
  type Backend,
  type EnqueueRequest,
  type ListOptions,
  type PruneOptions,
  type StatusCounts,
  type TaskRecord,
} from "@tasks/core";
import {
  transitions,
  type AttemptOutcome,
  type AttemptRef,
  type Completion,
} from "@tasks/core/worker";

import type { Scope } from "../../scope.ts";
import { until } from "../deadline.ts";
import { failed, retried, successful } from "../outcomes.ts";
import { StoreDriver } from "../store-driver.ts";
import { compareRecords } from "./compare.ts";
import { Model, type ModelEntry } from "./model.ts";
import type { QueueChoice, RandomCompletion, RandomTask, Step } from "./steps.ts";

const HOUR_MS = 3_600_000;
const QUEUES = ["a", "b", "c"] as const;

/** An attempt that was claimed once. */
interface PastAttempt {
  readonly id: string;
  readonly fence: number;
  readonly ref: AttemptRef;
  readonly attempt: number;
}

interface RandomWorker {
  driver: StoreDriver;
  attempts: PastAttempt[];
}

/** Plays steps on a backend and on the model, and compares what they answer and hold. */
export class Player {
  readonly #t: Scope;
  readonly #backend: Backend;
  readonly #model = new Model();
  readonly #workers: RandomWorker[] = [];
  readonly #taskNames: readonly string[];
  #enqueued = 0;

  private constructor(t: Scope, backend: Backend, taskNames: readonly string[]) {
    this.#t = t;
    this.#backend = backend;
    this.#taskNames = taskNames;
  }

  static async create(t: Scope, backend: Backend): Promise<Player> {
    const player = new Player(t, backend, [t.name(), t.name()]);
    for (const workerId of ["w0", "w1"]) {
      player.#workers.push({ driver: await player.#register(workerId), attempts: [] });
    }
    return player;
  }

  /** Plays one step. @throws AssertionError when backend and model differ. */
  async play(step: Step): Promise<void> {
    switch (step.type) {
      case "enqueue":
        return this.#enqueue(step.tasks);
      case "claim":
        return this.#claim(step.worker, step.limit, step.queues);
      case "complete":
        return this.#complete(step.worker, step.attempts);
      case "update":
        return this.#update(step.attempt, step.value);
      case "check":
        return this.#check(step.worker);
      case "kill":
        return this.#kill(step.worker);
      case "renew":
        return this.#renew(step.worker);
      case "advance":
        return this.#advance();
      case "cancel":
      case "retry":
      case "delete":
        return this.#change(step.type, step.result);
      case "pause":
      case "resume":
        return this.#pause(step.type, step.queue);
      case "prune":
        return this.#prune(step);
      case "list":
        return this.#list(step.filter, step.limit);
      case "count":
        return this.#count();
    }
  }

  /** Holds everything to the model: each result, lists and counts, and the order in which the rest would run. */
  async finish(): Promise<void> {
    for (const entry of this.#model.entries.values()) await this.#compare(entry);
    if (this.#t.supports.pause) {
      for (const queue of this.#model.paused)
        await this.#pause("resume", QUEUES.indexOf(queue as never));
    }
    if (this.#t.supports.list) {
      await this.#list(0, 3);
      await this.#count();
    }
    const left = this.#model.entries.size;
    for (let n = 0; n <= left / 3; n++) await this.#claim(0, 3, "all");
  }

  async #register(workerId: string): Promise<StoreDriver> {
    return StoreDriver.register(this.#backend, { workerId, leaseMs: 12 * HOUR_MS });
  }

  get #now(): Date {
    return this.#backend.now();
  }

  async #compare(entry: ModelEntry): Promise<void> {
    const record = await this.#backend.readRecord(entry.record.id);
    entry.record = compareRecords(record, entry.record);
  }

  async #enqueue(tasks: readonly RandomTask[]): Promise<void> {
    const requests = tasks.map((task) => this.#requestOf(task));
    const now = this.#now;
    // Planned first, because a batch is stored as a whole or not at all.
    const taken = new Map<string, number>();
    const plan = requests.map((request, index) => {
      const holder = this.#model.holderOf(request, now);
      const earlier = request.unique === null ? undefined : taken.get(request.unique.key);
      if (request.unique !== null && holder === undefined && earlier === undefined) {
        taken.set(request.unique.key, index);
      }
      return { request, holder, earlier };
    });
    const isRejected = plan.some(
      ({ request, holder, earlier }) =>
        request.unique?.onConflict === "reject" && (holder !== undefined || earlier !== undefined),
    );
    const answer =
      requests.length === 1
        ? this.#backend.enqueue(requests[0]!).then((enqueued) => [enqueued])
        : this.#backend.enqueueMany(requests);
    if (isRejected) {
      await assert.rejects(answer, { name: DuplicateTask.name });
      return;
    }
    const answers = await answer;
    assert.equal(answers.length, requests.length, "one answer for each task");
    for (const [index, { request, holder, earlier }] of plan.entries()) {
      const { record, deduplicated } = answers[index]!;
      const existingId =
        holder?.record.id ?? (earlier === undefined ? undefined : answers[earlier]!.record.id);
      assert.equal(deduplicated, existingId !== undefined, `deduplicated, of task ${index}`);
      if (existingId !== undefined) {
        assert.equal(record.id, existingId, "the result that holds the key");
        continue;
      }
      assert.ok(!this.#model.entries.has(record.id), "the id is new");
      const entry = this.#model.enqueue(request, record.id, now);
      compareRecords(record, entry.record);
      await this.#compare(entry);
    }
  }

  #requestOf({ queue, task, priority, due, maxLost, unique }: RandomTask): EnqueueRequest {
    const taskName = this.#taskNames[task]!;
    return this.#t.request({
      taskName,
      queueName: this.#queueName(queue),
      priority,
      maxLost,
      args: [this.#enqueued++],
      argsJson: JSON.stringify([this.#enqueued - 1]),
      delayMs: due === "in an hour" ? HOUR_MS : null,
      runAfter: due === "an hour ago" ? new Date(this.#now.getTime() - HOUR_MS) : null,
      unique: unique && {
        key: `${taskName}:${unique.key}`,
        scope: unique.scope,
        windowMs: unique.scope === "window" ? 2 * HOUR_MS : 0,
        onConflict: unique.onConflict,
      },
    });
  }

  #queueName(queue: number): string {
    return this.#t.offers.has("queues") ? QUEUES[queue % QUEUES.length]! : "default";
  }

  async #claim(worker: number, limit: number, choice: QueueChoice): Promise<void> {
    const { driver, attempts } = this.#workers[worker]!;
    const request = driver.request({
      limit,
      taskNames: this.#taskNames,
      ...(this.#t.offers.has("queues") ? SERVED[choice] : {}),
    });
    await this.#clockMoves();
    const expected = this.#model.claimable(request, this.#now);
    const claimed = await driver.store.claim(request);
    assert.deepEqual(
      claimed.map(({ id }) => this.#argumentOf(id)),
      expected.map(({ record }) => record.args[0]),
      "the tasks of a claim, by their arguments",
    );
    for (const [index, task] of claimed.entries()) {
      const entry = expected[index]!;
      assert.ok(task.fence > entry.fence, `fence ${task.fence} is above ${entry.fence}`);
      const { session } = driver;
      this.#model.claim(entry, session.sessionId, session.workerId, task.fence, this.#now);
      assert.equal(task.attempt, entry.record.workerIds.length, "the number of the attempt");
      assert.deepEqual(task.args(), entry.record.args);
      compareRecords(task.record(), entry.record);
      await this.#compare(entry);
      const { id, fence, attempt } = task;
      attempts.unshift({ id, fence, ref: driver.refOf(task), attempt });
    }
  }

  #argumentOf(id: string): unknown {
    return this.#model.entries.get(id)?.record.args[0] ?? `unknown id ${id}`;
  }

  async #complete(worker: number, ends: readonly RandomCompletion[]): Promise<void> {
    const { driver, attempts } = this.#workers[worker]!;
    const chosen = new Map(
      ends
        .filter(() => attempts.length > 0)
        .map((end) => [attempts[end.attempt % attempts.length]!, end]),
    );
    const completions = [...chosen].map(([attempt, end]) => completionOf(attempt, end, this.#now));
    if (completions.length === 0) return;
    const expected = completions.map((completion) => this.#model.complete(completion, this.#now));
    assert.deepEqual(await driver.store.complete(completions), expected, "answers of complete()");
    for (const { id } of completions) {
      const entry = this.#model.entries.get(id);
      if (entry !== undefined) await this.#compare(entry);
    }
  }

  async #update(choice: number, value: number): Promise<void> {
    const worker = this.#workers[choice % 2]!;
    const attempt = worker.attempts[choice % Math.max(1, worker.attempts.length)];
    if (attempt === undefined) return;
    const { id } = attempt;
    const changes = { progress: value, metadata: { value } };
    await worker.driver.store.update([{ ...attempt.ref, ...changes }]);
    const entry = this.#model.entries.get(id);
    if (entry === undefined) return;
    if (this.#model.isOwned(attempt)) {
      entry.record = transitions.applyChanges(entry.record, changes);
    }
    await this.#compare(entry);
  }

  async #check(worker: number): Promise<void> {
    const { driver, attempts } = this.#workers[worker]!;
    const latest = [
      ...new Map(attempts.toReversed().map((attempt) => [attempt.id, attempt])).values(),
    ];
    const owned = latest.filter((attempt) => this.#model.isOwned(attempt));
    const isCancelled = ({ id }: PastAttempt): boolean =>
      this.#model.entries.get(id)!.record.cancelRequested;
    const { cancelled, lost } = await driver.store.checkAttempts(driver.session, latest);
    assert.deepEqual(
      { cancelled: cancelled.toSorted(), lost: lost.toSorted() },
      {
        cancelled: idsOf(owned.filter(isCancelled)),
        lost: idsOf(latest.filter((attempt) => !owned.includes(attempt))),
      },
      "answer of checkAttempts()",
    );
  }

  /** Ends a session that may hold attempts, and has the other worker recover them. */
  async #kill(worker: number): Promise<void> {
    const { driver } = this.#workers[worker]!;
    const rescuer = this.#workers[1 - worker]!.driver;
    const held = this.#model.heldBy(driver.session.sessionId);
    await driver.store.unregister(driver.session);
    const failedIds: string[] = [];
    await until("What a dead worker held is recovered", async () => {
      const found = await rescuer.store.recoverLost(rescuer.session);
      failedIds.push(...found.map(({ id }) => id));
      const records = await Promise.all(
        held.map(({ record }) => this.#backend.readRecord(record.id)),
      );
      return records.every((record) => record?.status !== "RUNNING");
    });
    for (const entry of held) {
      this.#model.write(entry, transitions.lose(entry.record, this.#now));
      await this.#compare(entry);
    }
    const expected = held.filter(({ record }) => record.status === "FAILED");
    assert.deepEqual(
      failedIds.toSorted(),
      idsOf(expected.map(({ record }) => record)),
      "ended lost",
    );
    this.#workers[worker]!.driver = await this.#register(driver.session.workerId);
  }

  /** A living worker loses nothing. */
  async #renew(worker: number): Promise<void> {
    const { driver } = this.#workers[worker]!;
    await driver.store.renewLease(driver.session);
    const other = this.#workers[1 - worker]!.driver;
    assert.deepEqual(await other.store.recoverLost(other.session), [], "nothing is lost");
    for (const entry of this.#model.heldBy(driver.session.sessionId)) await this.#compare(entry);
  }

  async #advance(): Promise<void> {
    await this.#t.definition.advanceClock?.(this.#backend, HOUR_MS);
    for (const { driver } of this.#workers) await driver.store.renewLease(driver.session);
  }

  async #change(type: "cancel" | "retry" | "delete", choice: number): Promise<void> {
    const entry = [...this.#model.entries.values()][choice % Math.max(1, this.#model.entries.size)];
    if (entry === undefined) return;
    const { record } = entry;
    const isFinished = record.finishedAt !== null;
    const answer = await this.#backend[type](record.id);
    if (type === "delete") {
      assert.equal(answer, record.status !== "RUNNING", `delete() of a ${record.status} result`);
      if (answer) this.#model.entries.delete(record.id);
    } else if (type === "cancel") {
      assert.equal(answer, !isFinished, `cancel() of a ${record.status} result`);
      if (answer) this.#model.write(entry, transitions.cancel(record, this.#now));
    } else {
      assert.equal(answer, record.status === "FAILED", `retry() of a ${record.status} result`);
      if (answer) this.#model.write(entry, transitions.retry(record, this.#now));
    }
    if (type === "delete" && answer) {
      assert.equal(await this.#backend.readRecord(record.id), undefined, "a deleted result");
    } else await this.#compare(entry);
  }

  async #pause(type: "pause" | "resume", queue: number): Promise<void> {
    const name = this.#queueName(queue);
    await this.#backend[type](name);
    if (type === "pause") this.#model.paused.add(name);
    else this.#model.paused.delete(name);
  }

  async #prune({ kind, isDryRun }: Extract<Step, { type: "prune" }>): Promise<void> {
    await this.#clockMoves();
    const first = this.#queueName(0);
    const options: PruneOptions = {
      minAgeMs: kind === "failed" ? 12 * HOUR_MS : 0,
      failedMinAgeMs: kind === "successful" ? 12 * HOUR_MS : 0,
      ...(kind === "the first queue" ? { queueNames: [first] } : {}),
      dryRun: isDryRun,
      batchSize: 2,
    };
    const isMeant = ({ record }: ModelEntry): boolean =>
      record.finishedAt !== null &&
      (kind !== "the first queue" || record.queueName === first) &&
      (kind !== "failed" || record.status === "FAILED") &&
      (kind !== "successful" || record.status === "SUCCESSFUL");
    const old = [...this.#model.entries.values()].filter(
      (entry) => isMeant(entry) && !this.#model.isWindowOpen(entry, this.#now),
    );
    assert.equal(await this.#backend.prune(options), old.length, "results that prune() counts");
    if (!isDryRun) for (const { record } of old) this.#model.entries.delete(record.id);
    await this.#count();
  }

  async #list(choice: number, limit: number): Promise<void> {
    const filter = FILTERS[choice % FILTERS.length]!(this.#taskNames[0]!, this.#queueName(1));
    const expected = [...this.#model.entries.values()]
      .toSorted((a, b) => b.sequence - a.sequence)
      .map(({ record }) => record)
      .filter((record) => this.#matches(record, filter));
    const found: TaskRecord[] = [];
    let cursor: string | undefined;
    do {
      const page = await this.#backend.listRecords({ ...filter, limit, cursor });
      assert.ok(page.records.length <= limit, `a page has at most ${limit} results`);
      found.push(...page.records);
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined && found.length <= expected.length);
    const args = (records: readonly TaskRecord[]): readonly unknown[] =>
      records.map(({ args: [n] }) => n);
    assert.deepEqual(args(found), args(expected), `listed with ${JSON.stringify(filter)}`);
    for (const [index, record] of found.entries()) compareRecords(record, expected[index]!);
  }

  #matches(record: TaskRecord, { status, state, queueName, taskName }: ListOptions): boolean {
    const blocked = record.status === "READY" && this.#model.paused.has(record.queueName);
    return (
      (status === undefined || record.status === status) &&
      (queueName === undefined || record.queueName === queueName) &&
      (taskName === undefined || record.taskName === taskName) &&
      (state === undefined || taskState({ ...record, blocked }, this.#now) === state)
    );
  }

  async #count(): Promise<void> {
    const all = [...this.#model.entries.values()].map(({ record }) => record);
    const counted = (records: readonly TaskRecord[]): StatusCounts => {
      const counts = { READY: 0, RUNNING: 0, SUCCESSFUL: 0, FAILED: 0 };
      for (const { status } of records) counts[status] += 1;
      return counts;
    };
    assert.deepEqual({ ...(await this.#backend.counts()) }, counted(all), "counts()");
    const nowMs = this.#now.getTime();
    const queues = new Map((await this.#backend.queues()).map((queue) => [queue.name, queue]));
    for (const queueName of new Set([0, 1, 2].map((queue) => this.#queueName(queue)))) {
      const records = all.filter((record) => record.queueName === queueName);
      const counts = await this.#backend.counts({ queueName });
      assert.deepEqual({ ...counts }, counted(records), `counts() of queue ${queueName}`);
      const { ready = 0, scheduled = 0, running = 0, paused = false } = queues.get(queueName) ?? {};
      const waiting = records.filter(({ status }) => status === "READY");
      const due = waiting.filter((record) => (record.runAfter?.getTime() ?? 0) <= nowMs);
      assert.deepEqual(
        { ready, scheduled, running, paused },
        {
          ready: due.length,
          scheduled: waiting.length - due.length,
          running: counted(records).RUNNING,
          paused: this.#model.paused.has(queueName),
        },
        `queues(), of queue ${queueName}`,
      );
    }
  }

  /** What is due now is due for the store as well once its clock has moved. */
  async #clockMoves(): Promise<void> {
    if (this.#t.definition.advanceClock !== undefined) {
      await this.#t.definition.advanceClock(this.#backend, 1);
    } else await this.#t.untilTime(this.#now.getTime() + this.#t.supports.timeResolutionMs);
  }
}

const SERVED: Readonly<Record<QueueChoice, object>> = {
  all: { queueNames: ["*"] },
  "all but the first": { queueNames: ["*"], excludeQueues: [QUEUES[0]] },
  "the first": { queueNames: [QUEUES[0]] },
  "the last two": { queueNames: [QUEUES[2], QUEUES[1]] },
};

const FILTERS: readonly ((taskName: string, queueName: string) => ListOptions)[] = [
  () => ({}),
  () => ({ status: "READY" }),
  () => ({ status: "FAILED" }),
  (taskName) => ({ taskName, status: "SUCCESSFUL" }),
  (taskName) => ({ taskName }),
  (_taskName, queueName) => ({ queueName }),
  (taskName, queueName) => ({ taskName, queueName, status: "READY" }),
  () => ({ state: "scheduled" }),
  () => ({ state: "retrying" }),
  () => ({ state: "cancelled" }),
  () => ({ state: "lost" }),
  () => ({ state: "failed" }),
  () => ({ status: "RUNNING" }),
  (_taskName, queueName) => ({ queueName, state: "running" }),
  () => ({ state: "ready" }),
  () => ({ state: "blocked" }),
];

function completionOf(
  { ref, attempt }: PastAttempt,
  { outcome, isLater, hasChanges }: RandomCompletion,
  now: Date,
): Completion {
  const logs = [{ level: "info", message: `attempt ${attempt}`, attempt, loggedAt: now }] as const;
  return {
    ...ref,
    outcome: outcomeOf(outcome, isLater ? HOUR_MS : 0, attempt),
    changes: hasChanges ? { progress: attempt, logs } : null,
    cancelled: false,
  };
}

function outcomeOf(type: AttemptOutcome["type"], delayMs: number, attempt: number): AttemptOutcome {
  switch (type) {
    case "successful":
      return successful({ attempt });
    case "failed":
      return failed("failed", attempt);
    case "retry":
      return retried("retried", delayMs, attempt);
    case "snooze":
      return { type, delayMs };
    case "release":
      return { type };
  }
}

function idsOf(items: readonly { readonly id: string }[]): readonly string[] {
  return items.map(({ id }) => id).toSorted();
}
