// Without "node:": webpack knows the class by this name, and builds what it starts.
// oxlint-disable-next-line unicorn/prefer-node-protocol
import { Worker } from "worker_threads";

import { isFinished, TaskResultDoesNotExist, type TaskRecord } from "@tasks/core";
import {
  SessionWatch,
  transitions,
  type AttemptChecks,
  type AttemptRef,
  type AttemptUpdate,
  type ClaimedTask,
  type ClaimRequest,
  type Completion,
  type CompletionAnswer,
  type LeaseThread,
  type SeenSession,
  type WorkerSession,
  type WorkerStore,
} from "@tasks/core/worker";

import { Sessions } from "./sessions.ts";
import type { StoredTask, TaskChange } from "./stored-task.ts";
import { DamagedTask, type TaskFolders } from "./task-folders.ts";
import type { WakeUp } from "./wake-up.ts";

/** What the worker loop needs, on files. */
export class FileWorkerStore implements WorkerStore {
  readonly sessions: Sessions;
  readonly #tasks: TaskFolders;
  readonly #wakeUp: WakeUp;
  readonly #watch = new SessionWatch();
  /** When each session claimed last, and what had been announced by then. */
  readonly #lastClaims = new Map<string, { atMs: number; announced: string | undefined }>();

  constructor(root: string, tasks: TaskFolders, wakeUp: WakeUp) {
    this.#tasks = tasks;
    this.#wakeUp = wakeUp;
    this.sessions = new Sessions(root);
  }

  async register(session: WorkerSession): Promise<void> {
    await this.sessions.register(session);
  }

  async claim(request: ClaimRequest): Promise<readonly ClaimedTask[]> {
    // Whoever was stopped for longer than its lease was given up by the others, and has lost its attempts. It may go on with new ones.
    if (!(await this.sessions.renew(request.session))) await this.register(request.session);
    const announced = await this.#wakeUp.latest();
    this.#lastClaims.set(request.session.sessionId, { atMs: Date.now(), announced });
    const tasks =
      request.id === undefined
        ? (await this.#tasks.readAll()).filter(isDue).filter(inQueuesOf(request)).sort(inOrder)
        : [await this.#tasks.read(request.id)].filter((task) => task !== undefined);
    const ready = tasks.filter(
      ({ record }) => record.status === "READY" && request.taskNames.includes(record.taskName),
    );
    const claimed: ClaimedTask[] = [];
    // Other workers want the same tasks: what they got first is made up for by the next in line.
    while (claimed.length < request.limit && ready.length > 0) {
      const next = ready.splice(0, request.limit - claimed.length);
      const tries = await Promise.all(next.map((task) => this.#claim(task, request.session)));
      claimed.push(...tries.filter((task) => task !== undefined));
    }
    return claimed;
  }

  async start(attempts: readonly AttemptRef[]): Promise<void> {
    for (const attempt of attempts) {
      await this.#changeOwned(attempt, (task) => ({ ...task, holdsKey: false }));
    }
  }

  async complete(completions: readonly Completion[]): Promise<readonly CompletionAnswer[]> {
    return Promise.all(
      completions.map(async (completion) => {
        let answer: CompletionAnswer | undefined;
        await this.#changeOwned(completion, (task) => {
          const settled = transitions.settle(task.record, completion, new Date());
          answer = settled.answer;
          return { ...task, record: settled.record };
        });
        return answer ?? this.#answerUnowned(completion);
      }),
    );
  }

  async update(updates: readonly AttemptUpdate[]): Promise<void> {
    for (const update of updates) {
      await this.#changeOwned(update, (task) => ({
        ...task,
        record: transitions.applyChanges(task.record, update),
      }));
    }
  }

  async renewLease(session: WorkerSession): Promise<void> {
    await this.sessions.renew(session);
  }

  leaseThread(session: WorkerSession): LeaseThread {
    return {
      start: (options) => new Worker(new URL("./lease.js", import.meta.url), options),
      data: { path: this.sessions.pathOf(session.sessionId) },
    };
  }

  async checkAttempts(
    { sessionId }: WorkerSession,
    attempts: readonly { readonly id: string; readonly fence: number }[],
  ): Promise<AttemptChecks> {
    const cancelled: string[] = [];
    const lost: string[] = [];
    for (const { id, fence } of attempts) {
      const task = await this.#readUndamaged(id);
      if (task === undefined || !owns({ id, fence, sessionId }, task)) lost.push(id);
      else if (task.record.cancelRequested) cancelled.push(id);
    }
    return { cancelled, lost };
  }

  async recoverLost(): Promise<readonly TaskRecord[]> {
    // Tasks before sessions: a session is registered before its first claim, so whoever claimed what is seen here can be found.
    const running = (await this.#tasks.readAll()).filter(
      ({ record }) => record.status === "RUNNING",
    );
    const sessions = await this.sessions.readAll();
    const dead = await this.#deadSessions(running, sessions);
    const failed: TaskRecord[] = [];
    for (const task of running.filter(({ sessionId }) => dead.has(sessionId ?? ""))) {
      const record = transitions.lose(task.record, new Date());
      const isMine = await this.#tasks.replace(task, { ...task, record });
      if (isMine && isFinished(record.status)) failed.push(record);
    }
    await Promise.all([...dead].map((sessionId) => this.sessions.remove(sessionId)));
    return failed;
  }

  /** Ids of the sessions that are dead, those that hold tasks without being registered included. */
  async #deadSessions(
    running: readonly StoredTask[],
    sessions: readonly SeenSession[],
  ): Promise<ReadonlySet<string>> {
    const registered = new Set(sessions.map(({ sessionId }) => sessionId));
    const holders = new Set(running.map(({ sessionId }) => sessionId ?? ""));
    const unregistered = [...holders].filter((sessionId) => !registered.has(sessionId));
    const { dead } = this.#watch.observe([
      ...sessions,
      ...unregistered.map((sessionId) => ({ sessionId, leaseMs: 0, beat: null })),
    ]);
    return new Set(dead.map(({ sessionId }) => sessionId));
  }

  /** Resolves when a task becomes ready, or the next deferred one is due. */
  async waitForWork(request: ClaimRequest, maxMs: number, signal: AbortSignal): Promise<void> {
    const { atMs = 0, announced } = this.#lastClaims.get(request.session.sessionId) ?? {};
    const dueMs = (await this.#tasks.readAll())
      .filter(({ record }) => record.status === "READY" && record.runAfter !== null)
      .filter(inQueuesOf(request))
      .map(({ record }) => record.runAfter?.getTime() ?? 0)
      .filter((ms) => ms > atMs);
    const untilDueMs = Math.max(0, Math.min(...dueMs) - Date.now());
    await this.#wakeUp.wait(announced, Math.min(maxMs, untilDueMs), signal);
  }

  async unknownTasks(request: ClaimRequest): Promise<readonly string[]> {
    const unknown = (await this.#tasks.readAll())
      .filter((task) => task.record.status === "READY" && isDue(task))
      .filter(inQueuesOf(request))
      .map(({ record }) => record.taskName)
      .filter((name) => !request.taskNames.includes(name));
    return [...new Set(unknown)].slice(0, 10);
  }

  async unregister({ sessionId }: WorkerSession): Promise<void> {
    this.#lastClaims.delete(sessionId);
    await this.sessions.remove(sessionId);
  }

  async #claim(
    task: StoredTask,
    { sessionId, workerId }: WorkerSession,
  ): Promise<ClaimedTask | undefined> {
    const record = transitions.claim(task.record, workerId, new Date());
    // The number of the claim's own file: it grows with every claim.
    const fence = task.version + 1;
    if (!(await this.#tasks.replace(task, { ...task, record, fence, sessionId }))) return undefined;
    return {
      id: record.id,
      fence,
      taskName: record.taskName,
      attempt: record.attempts,
      holdsKey: task.holdsKey,
      args: () => structuredClone(record.args),
      record: () => record,
    };
  }

  async #readUndamaged(id: string): Promise<StoredTask | undefined> {
    try {
      return await this.#tasks.read(id);
    } catch (error) {
      if (error instanceof DamagedTask) return undefined;
      throw error;
    }
  }

  async #answerUnowned(completion: Completion): Promise<CompletionAnswer> {
    const task = await this.#readUndamaged(completion.id);
    if (task === undefined) return "lost";
    return transitions.answerRepeated(task.record, completion, isLatest(completion, task));
  }

  /** Changes a task while an attempt owns it, and not otherwise. */
  async #changeOwned(attempt: AttemptRef, change: (task: StoredTask) => TaskChange): Promise<void> {
    const next = (task: StoredTask): TaskChange | undefined => {
      return owns(attempt, task) ? change(task) : undefined;
    };
    try {
      await this.#tasks.change(attempt.id, next);
    } catch (error) {
      // Deleting a task ends its attempt. A damaged task is reported and must not block the rest.
      if (!TaskResultDoesNotExist.is(error) && !(error instanceof DamagedTask)) throw error;
    }
  }
}

function owns(attempt: AttemptRef, task: StoredTask): boolean {
  return task.record.status === "RUNNING" && isLatest(attempt, task);
}

/** No claim came after the attempt's. */
function isLatest({ fence, sessionId }: AttemptRef, task: StoredTask): boolean {
  return task.fence === fence && (sessionId === undefined || task.sessionId === sessionId);
}

function isDue({ record }: StoredTask): boolean {
  return record.runAfter === null || record.runAfter.getTime() <= Date.now();
}

function inQueuesOf({ queueNames, excludeQueues }: ClaimRequest): (task: StoredTask) => boolean {
  const isServed = (name: string): boolean => queueNames.includes("*") || queueNames.includes(name);
  return ({ record: { queueName } }) => isServed(queueName) && !excludeQueues.includes(queueName);
}

function inOrder(a: StoredTask, b: StoredTask): number {
  const dueMs = ({ record }: StoredTask): number =>
    (record.runAfter ?? record.enqueuedAt).getTime();
  return b.record.priority - a.record.priority || dueMs(a) - dueMs(b) || a.sequence - b.sequence;
}
