import type { Enqueued, EnqueueRequest, UniqueClaim } from "../backend.ts";
import type { Clock } from "../clock.ts";
import { DuplicateTask } from "../errors.ts";
import { Heap } from "../internal/heap.ts";
import { isFinished, type TaskRecord } from "../task-record.ts";
import * as transitions from "../transitions.ts";
import type {
  AttemptChecks,
  AttemptUpdate,
  ClaimRequest,
  ClaimedTask,
  Completion,
  CompletionAnswer,
  WorkerSession,
  WorkerStore,
} from "../worker/worker-store.ts";

/** One kept result and what only the store knows of it. */
export interface Entry {
  record: TaskRecord;
  /** Enqueue order. */
  readonly sequence: number;
  fence: number;
  sessionId: string | null;
  unique: UniqueClaim | null;
}

/** A place in a queue; stale once the entry's place has moved on. */
interface Place {
  readonly entry: Entry;
  readonly dueMs: number;
}

/** A worker session and its lease. */
export interface MemorySession extends WorkerSession {
  readonly startedAt: Date;
  lastSeenAt: Date;
  expiresAt: Date;
}

/** Task results in memory, and the queues over them. The plainest implementation of the worker's contract. */
export class MemoryStore implements WorkerStore {
  readonly clock: Clock;
  readonly entries: Map<string, Entry> = new Map();
  readonly sessions: Map<string, MemorySession> = new Map();
  readonly #ready = new Map<string, Heap<Place>>();
  readonly #scheduled = new Heap<Place>((a, b) => a.dueMs < b.dueMs);
  readonly #placed = new Map<Entry, Place>();
  readonly #running = new Set<Entry>();
  /** Holders of unique keys. */
  readonly #keys = new Map<string, Entry>();
  readonly #listeners = new Set<() => void>();
  #sequence = 0;
  /** Grows with every change that may make work claimable. */
  #version = 0;
  readonly #seenVersions = new Map<string, number>();

  constructor(clock: Clock) {
    this.clock = clock;
    clock.onChange?.(() => this.changed());
  }

  enqueue(request: EnqueueRequest): Enqueued {
    const now = this.clock.now();
    const holder = request.unique === null ? undefined : this.#keyHolder(request.unique, now);
    if (holder !== undefined) {
      if (request.unique?.onConflict === "reject") {
        throw new DuplicateTask(request.taskName, holder.record.id);
      }
      return { record: holder.record, deduplicated: true };
    }
    const record = transitions.enqueue(request, now);
    const entry: Entry = {
      record,
      sequence: this.#sequence++,
      fence: 0,
      sessionId: null,
      unique: request.unique,
    };
    this.entries.set(record.id, entry);
    if (request.unique !== null) this.#keys.set(request.unique.key, entry);
    this.#place(entry);
    this.changed();
    return { record, deduplicated: false };
  }

  /** All or none: a duplicate that rejects takes back what was stored before it. */
  enqueueAll(requests: readonly EnqueueRequest[]): readonly Enqueued[] {
    const enqueued: Enqueued[] = [];
    try {
      for (const request of requests) enqueued.push(this.enqueue(request));
    } catch (error) {
      for (const { record, deduplicated } of enqueued) {
        const entry = this.entries.get(record.id);
        if (!deduplicated && entry !== undefined) this.remove(entry);
      }
      throw error;
    }
    return enqueued;
  }

  async register(session: WorkerSession): Promise<void> {
    const now = this.clock.now();
    const expiresAt = new Date(now.getTime() + session.leaseMs);
    this.sessions.set(session.sessionId, {
      ...session,
      startedAt: now,
      lastSeenAt: now,
      expiresAt,
    });
  }

  async claim(request: ClaimRequest): Promise<readonly ClaimedTask[]> {
    const { session } = request;
    // Whoever claims is alive, even if a stall cost it its lease and others have forgotten it.
    if (this.sessions.has(session.sessionId)) await this.renewLease(session);
    else await this.register(session);
    this.#seenVersions.set(session.sessionId, this.#version);
    if (request.id !== undefined) {
      const entry = this.entries.get(request.id);
      const isKnown = entry !== undefined && request.taskNames.includes(entry.record.taskName);
      return isKnown && entry.record.status === "READY" ? [this.#claim(entry, session)] : [];
    }
    this.#promoteDue();
    const known = new Set(request.taskNames);
    const queues = this.#servedQueues(request);
    const skipped: Place[] = [];
    const claimed: ClaimedTask[] = [];
    while (claimed.length < request.limit) {
      const place = this.#takeFirst(queues);
      if (place === undefined) break;
      if (known.has(place.entry.record.taskName)) claimed.push(this.#claim(place.entry, session));
      else skipped.push(place);
    }
    for (const place of skipped) this.#readyQueue(place.entry.record.queueName).push(place);
    return claimed;
  }

  async complete(completions: readonly Completion[]): Promise<readonly CompletionAnswer[]> {
    return completions.map((completion) => {
      const entry = this.#owned(completion);
      if (entry === undefined) return "lost";
      const { record, answer } = transitions.settle(entry.record, completion, this.clock.now());
      this.write(entry, record);
      return answer;
    });
  }

  async update(updates: readonly AttemptUpdate[]): Promise<void> {
    for (const update of updates) {
      const entry = this.#owned(update);
      if (entry !== undefined) entry.record = transitions.applyChanges(entry.record, update);
    }
  }

  async renewLease({ sessionId, leaseMs }: WorkerSession): Promise<void> {
    const session = this.sessions.get(sessionId);
    if (session === undefined) return;
    session.lastSeenAt = this.clock.now();
    session.expiresAt = new Date(session.lastSeenAt.getTime() + leaseMs);
  }

  async checkAttempts(
    _session: WorkerSession,
    attempts: readonly { readonly id: string; readonly fence: number }[],
  ): Promise<AttemptChecks> {
    const owned = attempts.map((attempt) => ({ id: attempt.id, entry: this.#owned(attempt) }));
    return {
      cancelled: owned.filter(({ entry }) => entry?.record.cancelRequested).map(({ id }) => id),
      lost: owned.filter(({ entry }) => entry === undefined).map(({ id }) => id),
    };
  }

  async recoverLost(): Promise<readonly TaskRecord[]> {
    const now = this.clock.now();
    const failed: TaskRecord[] = [];
    for (const entry of this.#running) {
      if (this.#isLeased(entry, now)) continue;
      this.write(entry, transitions.lose(entry.record, now));
      if (isFinished(entry.record.status)) failed.push(entry.record);
    }
    for (const session of this.sessions.values()) {
      if (session.expiresAt <= now) this.sessions.delete(session.sessionId);
    }
    return failed;
  }

  async waitForWork(request: ClaimRequest, maxMs: number, signal: AbortSignal): Promise<void> {
    if (this.#seenVersions.get(request.session.sessionId) !== this.#version) return;
    const nextDueMs = this.#nextDueMs();
    const untilDueMs = nextDueMs === null ? maxMs : nextDueMs - this.clock.now().getTime();
    await this.waitForChange(Math.max(0, Math.min(maxMs, untilDueMs)), signal);
  }

  async unknownTasks(request: ClaimRequest): Promise<readonly string[]> {
    const known = new Set(request.taskNames);
    const queues = new Set(this.#servedQueues(request));
    const names = new Set<string>();
    for (const { record } of this.#placed.keys()) {
      if (queues.has(record.queueName) && !known.has(record.taskName)) names.add(record.taskName);
      if (names.size === 10) break;
    }
    return [...names];
  }

  async unregister({ sessionId }: WorkerSession): Promise<void> {
    this.sessions.delete(sessionId);
    this.#seenVersions.delete(sessionId);
  }

  /** Replaces a record, and moves it to where it now belongs. */
  write(entry: Entry, record: TaskRecord): void {
    entry.record = record;
    if (record.status !== "RUNNING") {
      entry.sessionId = null;
      this.#running.delete(entry);
    }
    if (isFinished(record.status)) this.#releaseKey(entry, "until-finished");
    if (record.status === "READY") this.#place(entry);
    else this.#placed.delete(entry);
    this.changed();
  }

  /** Forgets a result. */
  remove(entry: Entry): void {
    this.entries.delete(entry.record.id);
    this.#running.delete(entry);
    this.#placed.delete(entry);
    if (entry.unique !== null && this.#keys.get(entry.unique.key) === entry) {
      this.#keys.delete(entry.unique.key);
    }
    this.changed();
  }

  /** How many attempts a session holds. */
  countRunning(sessionId: string): number {
    return [...this.#running].filter((entry) => entry.sessionId === sessionId).length;
  }

  /** Forgets everything. */
  clear(): void {
    for (const entry of this.entries.values()) this.remove(entry);
  }

  /** Resolves at the next change, after `maxMs`, or when the signal fires. */
  async waitForChange(maxMs: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted === true) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#listeners.delete(done);
        signal?.removeEventListener("abort", done);
        resolve();
      };
      // Timers take at most 2^31 - 1 ms; whoever waits longer is woken early and waits again.
      const timer = setTimeout(done, Math.min(maxMs, 2 ** 31 - 1));
      this.#listeners.add(done);
      signal?.addEventListener("abort", done, { once: true });
    });
  }

  /** Wakes everyone who waits. */
  changed(): void {
    this.#version++;
    for (const listener of this.#listeners) listener();
  }

  #claim(entry: Entry, session: WorkerSession): ClaimedTask {
    entry.record = transitions.claim(entry.record, session.workerId, this.clock.now());
    entry.fence++;
    entry.sessionId = session.sessionId;
    this.#running.add(entry);
    this.#placed.delete(entry);
    this.#releaseKey(entry, "until-started");
    const { record, fence } = entry;
    return {
      id: record.id,
      fence,
      taskName: record.taskName,
      attempt: record.workerIds.length,
      args: () => structuredClone(record.args),
      record: () => record,
    };
  }

  #owned({ id, fence }: { readonly id: string; readonly fence: number }): Entry | undefined {
    const entry = this.entries.get(id);
    return entry?.record.status === "RUNNING" && entry.fence === fence ? entry : undefined;
  }

  #isLeased(entry: Entry, now: Date): boolean {
    const session = entry.sessionId === null ? undefined : this.sessions.get(entry.sessionId);
    return session !== undefined && session.expiresAt > now;
  }

  #keyHolder({ key }: UniqueClaim, now: Date): Entry | undefined {
    const holder = this.#keys.get(key);
    if (holder?.unique?.scope !== "window") return holder;
    const freeAt = holder.record.enqueuedAt.getTime() + holder.unique.windowMs;
    return freeAt > now.getTime() ? holder : undefined;
  }

  #releaseKey(entry: Entry, scope: UniqueClaim["scope"]): void {
    const { unique } = entry;
    if (unique === null || unique.scope === "window") return;
    // A result that ends without ever starting frees an until-started key too.
    if (unique.scope !== scope && scope === "until-started") return;
    if (this.#keys.get(unique.key) === entry) this.#keys.delete(unique.key);
  }

  #place(entry: Entry): void {
    const { runAfter, enqueuedAt, queueName } = entry.record;
    const dueMs = (runAfter ?? enqueuedAt).getTime();
    const place: Place = { entry, dueMs };
    this.#placed.set(entry, place);
    if (dueMs > this.clock.now().getTime()) this.#scheduled.push(place);
    else this.#readyQueue(queueName).push(place);
  }

  #promoteDue(): void {
    const nowMs = this.clock.now().getTime();
    for (;;) {
      const place = this.#scheduled.peek();
      if (place === undefined || place.dueMs > nowMs) return;
      this.#scheduled.pop();
      if (this.#isCurrent(place)) this.#readyQueue(place.entry.record.queueName).push(place);
    }
  }

  #nextDueMs(): number | null {
    for (;;) {
      const place = this.#scheduled.peek();
      if (place === undefined) return null;
      if (this.#isCurrent(place)) return place.dueMs;
      this.#scheduled.pop();
    }
  }

  #isCurrent(place: Place): boolean {
    return this.#placed.get(place.entry) === place;
  }

  #readyQueue(queueName: string): Heap<Place> {
    let queue = this.#ready.get(queueName);
    if (queue === undefined) {
      queue = new Heap(runsBefore);
      this.#ready.set(queueName, queue);
    }
    return queue;
  }

  #servedQueues({ queueNames, excludeQueues }: ClaimRequest): string[] {
    if (!queueNames.includes("*")) return [...queueNames];
    const all = new Set([...this.#placed.keys()].map(({ record }) => record.queueName));
    return [...all].filter((name) => !excludeQueues.includes(name));
  }

  #takeFirst(queueNames: readonly string[]): Place | undefined {
    let first: { place: Place; queue: Heap<Place> } | undefined;
    for (const queueName of queueNames) {
      const queue = this.#ready.get(queueName);
      const place = queue === undefined ? undefined : this.#firstCurrent(queue);
      if (queue === undefined || place === undefined) continue;
      if (first === undefined || runsBefore(place, first.place)) first = { place, queue };
    }
    first?.queue.pop();
    return first?.place;
  }

  #firstCurrent(queue: Heap<Place>): Place | undefined {
    for (;;) {
      const place = queue.peek();
      if (place === undefined || this.#isCurrent(place)) return place;
      queue.pop();
    }
  }
}

function runsBefore(a: Place, b: Place): boolean {
  const byPriority = b.entry.record.priority - a.entry.record.priority;
  if (byPriority !== 0) return byPriority < 0;
  if (a.dueMs !== b.dueMs) return a.dueMs < b.dueMs;
  return a.entry.sequence < b.entry.sequence;
}
