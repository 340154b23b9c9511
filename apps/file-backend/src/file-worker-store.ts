import { watch, type FSWatcher } from "node:fs";
import { extname } from "node:path";

import { isFinished, TaskResultDoesNotExist, type TaskRecord } from "@tasks/core";
import {
  transitions,
  type AttemptChecks,
  type AttemptUpdate,
  type ClaimedTask,
  type ClaimRequest,
  type Completion,
  type CompletionAnswer,
  type LeaseThread,
  type WorkerSession,
  type WorkerStore,
} from "@tasks/core/worker";

import { Sessions } from "./sessions.ts";
import type { StoredTask, TaskChange } from "./stored-task.ts";
import type { TaskFolders } from "./task-folders.ts";

/** Names one attempt. */
interface Attempt {
  readonly id: string;
  readonly fence: number;
}

/** What the worker loop needs, on files. */
export class FileWorkerStore implements WorkerStore {
  readonly sessions: Sessions;
  readonly #tasks: TaskFolders;

  constructor(root: string, tasks: TaskFolders) {
    this.#tasks = tasks;
    this.sessions = new Sessions(root);
  }

  async register(session: WorkerSession): Promise<void> {
    await this.sessions.register(session);
  }

  async claim(request: ClaimRequest): Promise<readonly ClaimedTask[]> {
    // Whoever was stopped for longer than its lease was given up by the others, and has lost its attempts. It may go on with new ones.
    if (!(await this.sessions.renew(request.session))) await this.register(request.session);
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

  async complete(completions: readonly Completion[]): Promise<readonly CompletionAnswer[]> {
    return Promise.all(
      completions.map(async (completion) => {
        let answer: CompletionAnswer | undefined;
        await this.#changeOwned(completion, ({ record }) => {
          const settled = transitions.settle(record, completion, new Date());
          answer = settled.answer;
          return settled.record;
        });
        return answer ?? this.#answerUnowned(completion);
      }),
    );
  }

  async update(updates: readonly AttemptUpdate[]): Promise<void> {
    for (const update of updates) {
      await this.#changeOwned(update, ({ record }) => transitions.applyChanges(record, update));
    }
  }

  async renewLease(session: WorkerSession): Promise<void> {
    await this.sessions.renew(session);
  }

  leaseThread(session: WorkerSession): LeaseThread {
    const module = new URL(`./lease${extname(import.meta.url)}`, import.meta.url);
    return { module, data: { path: this.sessions.pathOf(session.sessionId) } };
  }

  async checkAttempts(
    _session: WorkerSession,
    attempts: readonly Attempt[],
  ): Promise<AttemptChecks> {
    const cancelled: string[] = [];
    const lost: string[] = [];
    for (const attempt of attempts) {
      const task = await this.#tasks.read(attempt.id);
      if (task === undefined || !owns(attempt, task)) lost.push(attempt.id);
      else if (task.record.cancelRequested) cancelled.push(attempt.id);
    }
    return { cancelled, lost };
  }

  async recoverLost(): Promise<readonly TaskRecord[]> {
    // Tasks before sessions: a session is registered before its first claim, so whoever claimed what is seen here can be found.
    const running = (await this.#tasks.readAll()).filter(
      ({ record }) => record.status === "RUNNING",
    );
    const sessions = await this.sessions.readAll();
    const alive = new Set(sessions.filter((session) => session.alive).map((s) => s.sessionId));
    const failed: TaskRecord[] = [];
    for (const task of running.filter(({ sessionId }) => !alive.has(sessionId ?? ""))) {
      const record = transitions.lose(task.record, new Date());
      const isMine = await this.#tasks.replace(task, { ...task, record, sessionId: null });
      if (isMine && isFinished(record.status)) failed.push(record);
    }
    const dead = sessions.filter((session) => !session.alive);
    await Promise.all(dead.map(({ sessionId }) => this.sessions.remove(sessionId)));
    return failed;
  }

  /** Resolves when the folder of tasks changes, or the next deferred task is due. */
  async waitForWork(request: ClaimRequest, maxMs: number, signal: AbortSignal): Promise<void> {
    const dueMs = (await this.#tasks.readAll())
      .filter(({ record }) => record.status === "READY" && record.runAfter !== null)
      .filter(inQueuesOf(request))
      .map(({ record }) => (record.runAfter?.getTime() ?? 0) - Date.now())
      .filter((ms) => ms > 0);
    await folderChanges(this.#tasks.path, Math.min(maxMs, ...dueMs), signal);
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
      attempt: record.workerIds.length,
      args: () => structuredClone(record.args),
      record: () => record,
    };
  }

  /** Changes a task's record while an attempt owns it, and not otherwise. */
  async #answerUnowned(completion: Completion): Promise<CompletionAnswer> {
    const task = await this.#tasks.read(completion.id);
    if (task === undefined) return "lost";
    return transitions.answerRepeated(task.record, completion, task.fence === completion.fence);
  }

  async #changeOwned(attempt: Attempt, change: (task: StoredTask) => TaskRecord): Promise<void> {
    const next = (task: StoredTask): TaskChange | undefined => {
      if (!owns(attempt, task)) return undefined;
      const record = change(task);
      return { ...task, record, sessionId: record.status === "RUNNING" ? task.sessionId : null };
    };
    try {
      await this.#tasks.change(attempt.id, next);
    } catch (error) {
      // Whoever deleted the task has ended the attempt, too.
      if (!TaskResultDoesNotExist.is(error)) throw error;
    }
  }
}

function owns({ fence }: Attempt, task: StoredTask): boolean {
  return task.record.status === "RUNNING" && task.fence === fence;
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

/** Resolves when a name in the folder changes, after `maxMs`, or when the signal fires. */
async function folderChanges(folder: string, maxMs: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    let watcher: FSWatcher | undefined;
    const done = (): void => {
      clearTimeout(timer);
      watcher?.close();
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, maxMs);
    signal.addEventListener("abort", done, { once: true });
    try {
      watcher = watch(folder, done).on("error", () => watcher?.close());
    } catch {
      // No folder yet, or no watchers left: the timer looks again.
    }
    if (signal.aborted) done();
  });
}
