import type { Enqueued, EnqueueRequest } from "../backend.ts";
import type { Clock } from "../clock.ts";
import { DuplicateTask } from "../errors.ts";
import { clearTimeout, setTimeout } from "../internal/real-time.ts";
import { isFinished, type TaskRecord } from "../task-record.ts";
import * as transitions from "../transitions.ts";
import { SessionWatch, type SeenSession } from "../worker/session-watch.ts";
import type {
  AttemptChecks,
  AttemptRef,
  AttemptUpdate,
  ClaimRequest,
  ClaimedTask,
  Completion,
  CompletionAnswer,
  WorkerSession,
  WorkerStore,
} from "../worker/worker-store.ts";
import { MemoryKeys, type KeyHolder } from "./memory-keys.ts";
import { MemoryQueues, type Queued } from "./memory-queues.ts";

/** One kept result and what only the store knows of it. */
export interface Entry extends Queued, KeyHolder {
  record: TaskRecord;
  fence: number;
  /** The session that claimed last. */
  sessionId: string | null;
}

/** A worker session and its lease. */
export interface MemorySession extends WorkerSession {
  readonly startedAt: Date;
  lastSeenAt: Date;
  /** Changes with every renewal, and is never the same for two sessions or two lives of one. */
  beat: number;
}

/** Task results in memory, and the queues over them. The plainest implementation of the worker's contract. */
export class MemoryStore implements WorkerStore {
  readonly clock: Clock;
  readonly entries: Map<string, Entry> = new Map();
  readonly sessions: Map<string, MemorySession> = new Map();
  /** Queues of which nothing is claimed. */
  readonly paused: Set<string> = new Set();
  readonly #queues = new MemoryQueues<Entry>();
  readonly #running = new Set<Entry>();
  readonly #keys = new MemoryKeys<Entry>();
  readonly #watch = new SessionWatch();
  readonly #listeners = new Set<() => void>();
  #sequence = 0;
  #beats = 0;
  /** Grows with every change that may make work claimable. */
  #version = 0;
  readonly #seenVersions = new Map<string, number>();

  constructor(clock: Clock) {
    this.clock = clock;
    clock.onChange?.(() => this.changed());
  }

  enqueue(request: EnqueueRequest): Enqueued {
    const existing = request.id === null ? undefined : this.entries.get(request.id);
    if (existing !== undefined) return { record: this.view(existing), deduplicated: true };
    const now = this.clock.now();
    const holder = request.unique === null ? undefined : this.#keys.holder(request.unique, now);
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
    this.#keys.take(entry);
    this.#queues.place(entry, this.clock.now().getTime());
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
    this.sessions.set(session.sessionId, {
      ...session,
      startedAt: now,
      lastSeenAt: now,
      beat: ++this.#beats,
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
    this.#queues.promoteDue(this.clock.now().getTime());
    const known = new Set(request.taskNames);
    const queues = this.#servedQueues(request);
    const claimed: ClaimedTask[] = [];
    while (claimed.length < request.limit) {
      const entry = this.#queues.takeFirst(queues, known);
      if (entry === undefined) break;
      claimed.push(this.#claim(entry, session));
    }
    return claimed;
  }

  async start(attempts: readonly AttemptRef[]): Promise<void> {
    for (const attempt of attempts) {
      const entry = this.#owned(attempt);
      if (entry !== undefined && this.#keys.isHeldUntilStart(entry)) this.#keys.release(entry);
    }
  }

  async complete(completions: readonly Completion[]): Promise<readonly CompletionAnswer[]> {
    return completions.map((completion) => {
      const entry = this.#owned(completion);
      if (entry === undefined) return this.#answerUnowned(completion);
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

  async renewLease({ sessionId }: WorkerSession): Promise<void> {
    const session = this.sessions.get(sessionId);
    if (session === undefined) return;
    session.lastSeenAt = this.clock.now();
    session.beat = ++this.#beats;
  }

  async checkAttempts(
    { sessionId }: WorkerSession,
    attempts: readonly { readonly id: string; readonly fence: number }[],
  ): Promise<AttemptChecks> {
    const owned = attempts.map(({ id, fence }) => ({
      id,
      entry: this.#owned({ id, fence, sessionId }),
    }));
    const isPaused = (entry: Entry | undefined): boolean =>
      entry !== undefined && this.paused.has(entry.record.queueName);
    return {
      cancelled: owned.filter(({ entry }) => entry?.record.cancelRequested).map(({ id }) => id),
      lost: owned.filter(({ entry }) => entry === undefined).map(({ id }) => id),
      paused: owned.filter(({ entry }) => isPaused(entry)).map(({ id }) => id),
    };
  }

  async recoverLost(): Promise<readonly TaskRecord[]> {
    const { dead } = this.#watch.observe(this.#seenSessions());
    const lost = new Set(dead.map(({ sessionId }) => sessionId));
    const failed: TaskRecord[] = [];
    for (const entry of this.#running) {
      if (!lost.has(entry.sessionId ?? "")) continue;
      this.write(entry, transitions.lose(entry.record, this.clock.now()));
      if (isFinished(entry.record.status)) failed.push(entry.record);
    }
    for (const sessionId of lost) this.sessions.delete(sessionId);
    return failed;
  }

  async waitForWork(request: ClaimRequest, maxMs: number, signal: AbortSignal): Promise<void> {
    if (this.#seenVersions.get(request.session.sessionId) !== this.#version) return;
    const nextDueMs = this.#queues.nextDueMs();
    const untilDueMs = nextDueMs === null ? maxMs : nextDueMs - this.clock.now().getTime();
    await this.waitForChange(Math.max(0, Math.min(maxMs, untilDueMs)), signal);
  }

  async unknownTasks(request: ClaimRequest): Promise<readonly string[]> {
    const known = new Set(request.taskNames);
    const queues = new Set(this.#servedQueues(request));
    const names = new Set<string>();
    const nowMs = this.clock.now().getTime();
    for (const { record } of this.#queues.items()) {
      const isDue = (record.runAfter ?? record.enqueuedAt).getTime() <= nowMs;
      const isUnknown = queues.has(record.queueName) && !known.has(record.taskName);
      if (isDue && isUnknown) names.add(record.taskName);
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
    if (record.status !== "RUNNING") this.#running.delete(entry);
    if (isFinished(record.status)) this.#keys.finished(entry);
    if (record.status === "READY") this.#queues.place(entry, this.clock.now().getTime());
    else this.#queues.remove(entry);
    this.changed();
  }

  /** Forgets a result. */
  remove(entry: Entry): void {
    this.entries.delete(entry.record.id);
    this.#running.delete(entry);
    this.#queues.remove(entry);
    this.#keys.release(entry);
    this.changed();
  }

  /** How many attempts a session holds. */
  countRunning(sessionId: string): number {
    return [...this.#running].filter((entry) => entry.sessionId === sessionId).length;
  }

  /** What people read of a result; still the store's own. */
  view({ record }: Entry): TaskRecord {
    const blocked = record.status === "READY" && this.paused.has(record.queueName);
    return blocked ? { ...record, blocked } : record;
  }

  /** The result holds its unique key for a window that lasts. */
  isWindowOpen(id: string): boolean {
    const entry = this.entries.get(id);
    if (entry?.unique?.scope !== "window") return false;
    return this.#keys.holder(entry.unique, this.clock.now()) === entry;
  }

  /** Forgets everything. */
  clear(): void {
    this.paused.clear();
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
    this.#queues.remove(entry);
    const { record, fence } = entry;
    return {
      id: record.id,
      fence,
      taskName: record.taskName,
      attempt: record.attempts,
      holdsKey: this.#keys.isHeldUntilStart(entry),
      args: () => structuredClone(record.args),
      record: () => record,
    };
  }

  #owned(attempt: AttemptRef): Entry | undefined {
    const entry = this.entries.get(attempt.id);
    return entry?.record.status === "RUNNING" && isLatest(entry, attempt) ? entry : undefined;
  }

  #answerUnowned(completion: Completion): CompletionAnswer {
    const entry = this.entries.get(completion.id);
    if (entry === undefined) return "lost";
    return transitions.answerRepeated(entry.record, completion, isLatest(entry, completion));
  }

  /** Registered sessions, and those of running attempts that are not. */
  #seenSessions(): readonly SeenSession[] {
    const holders = new Set([...this.#running].map(({ sessionId }) => sessionId ?? ""));
    const unregistered = [...holders].filter((sessionId) => !this.sessions.has(sessionId));
    return [
      ...this.sessions.values(),
      ...unregistered.map((sessionId) => ({ sessionId, leaseMs: 0, beat: null })),
    ];
  }

  #servedQueues({ queueNames, excludeQueues }: ClaimRequest): string[] {
    const served = queueNames.includes("*")
      ? this.#queues.readyQueues().filter((name) => !excludeQueues.includes(name))
      : queueNames;
    return served.filter((name) => !this.paused.has(name));
  }
}

/** No claim came after the attempt's. */
function isLatest(entry: Entry, { fence, sessionId }: AttemptRef): boolean {
  return entry.fence === fence && (sessionId === undefined || entry.sessionId === sessionId);
}
