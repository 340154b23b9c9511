import type { EnqueueRequest, TaskRecord } from "@tasks/core";
import {
  transitions,
  type Completion,
  type CompletionAnswer,
  type ClaimRequest,
} from "@tasks/core/worker";

/** One result of the model, and what only a store knows of it. */
export interface ModelEntry {
  record: TaskRecord;
  fence: number;
  sessionId: string | null;
  readonly sequence: number;
  readonly unique: EnqueueRequest["unique"];
  holdsKey: boolean;
}

/** What a backend has to do, in the plainest way: core's transitions over a list. Its time is told to it with every call. */
export class Model {
  readonly entries: Map<string, ModelEntry> = new Map();
  readonly paused: Set<string> = new Set();
  #sequence = 0;

  /** The result that holds a request's key. */
  holderOf({ unique }: EnqueueRequest, now: Date): ModelEntry | undefined {
    if (unique === null) return undefined;
    return [...this.entries.values()].find(
      (entry) => entry.unique?.key === unique.key && this.#holds(entry, now),
    );
  }

  /** Stores a request under the id that the backend gave it. */
  enqueue(request: EnqueueRequest, id: string, now: Date): ModelEntry {
    const entry: ModelEntry = {
      record: transitions.enqueue(request, now, id),
      fence: 0,
      sessionId: null,
      sequence: this.#sequence++,
      unique: request.unique,
      holdsKey: request.unique !== null,
    };
    this.entries.set(id, entry);
    return entry;
  }

  /** What a claim has to give, in this order. */
  claimable(
    { queueNames, excludeQueues, taskNames, limit }: ClaimRequest,
    now: Date,
  ): readonly ModelEntry[] {
    return this.inOrder()
      .filter(({ record }) => record.status === "READY" && dueMs(record) <= now.getTime())
      .filter(
        ({ record: { queueName, taskName } }) =>
          (queueNames.includes("*") || queueNames.includes(queueName)) &&
          !excludeQueues.includes(queueName) &&
          !this.paused.has(queueName) &&
          taskNames.includes(taskName),
      )
      .slice(0, limit);
  }

  /** All results, as they would run. */
  inOrder(): readonly ModelEntry[] {
    return [...this.entries.values()].toSorted(
      (a, b) =>
        b.record.priority - a.record.priority ||
        dueMs(a.record) - dueMs(b.record) ||
        a.sequence - b.sequence,
    );
  }

  claim(entry: ModelEntry, sessionId: string, workerId: string, fence: number, now: Date): void {
    entry.record = transitions.claim(entry.record, workerId, now);
    entry.sessionId = sessionId;
    entry.fence = fence;
  }

  complete(completion: Completion, now: Date): CompletionAnswer {
    const entry = this.entries.get(completion.id);
    if (entry === undefined) return "lost";
    const isLatest = entry.fence === completion.fence;
    if (entry.record.status !== "RUNNING" || !isLatest) {
      return transitions.answerRepeated(entry.record, completion, isLatest);
    }
    const { record, answer } = transitions.settle(entry.record, completion, now);
    this.write(entry, record);
    return answer;
  }

  /** The attempt still holds its result. */
  isOwned({ id, fence }: { readonly id: string; readonly fence: number }): boolean {
    const entry = this.entries.get(id);
    return entry?.record.status === "RUNNING" && entry.fence === fence;
  }

  /** Attempts of a session. */
  heldBy(sessionId: string): readonly ModelEntry[] {
    return [...this.entries.values()].filter(
      (entry) => entry.record.status === "RUNNING" && entry.sessionId === sessionId,
    );
  }

  write(entry: ModelEntry, record: TaskRecord): void {
    entry.record = record;
    if (record.finishedAt !== null && entry.unique?.scope === "until-finished") {
      entry.holdsKey = false;
    }
  }

  /** Holds its unique key for a window that lasts: `prune()` spares it. */
  isWindowOpen(entry: ModelEntry, now: Date): boolean {
    return entry.unique?.scope === "window" && this.#holds(entry, now);
  }

  #holds({ holdsKey, unique, record }: ModelEntry, now: Date): boolean {
    if (!holdsKey || unique === null) return false;
    const overMs = record.enqueuedAt.getTime() + unique.windowMs;
    return unique.scope !== "window" || overMs > now.getTime();
  }
}

/** When a result is due, in milliseconds. */
function dueMs({ runAfter, enqueuedAt }: TaskRecord): number {
  return (runAfter ?? enqueuedAt).getTime();
}
