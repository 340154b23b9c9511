import {
  assertKnownOptions,
  InvalidOption,
  taskState,
  TaskResultDoesNotExist,
  type ListOptions,
  type QueueInfo,
  type RecordPage,
  type StatusCounts,
  type TaskRecord,
  type TaskState,
  type TaskStatus,
  type WorkerInfo,
} from "@tasks/core";
import { transitions } from "@tasks/core/worker";

import type { RedisStore } from "./connection/redis-store.ts";
import { isPossibleId } from "./ids.ts";
import { toJob, toRecord, type Fields } from "./record.ts";
import type { Records, Transition } from "./records.ts";
import { COUNT, LIST, QUEUES } from "./scripts/monitor.ts";
import { PAUSE, RESUME } from "./scripts/pause.ts";
import { DELETE } from "./scripts/records.ts";
import { WORKERS } from "./scripts/sessions.ts";
import { toNumber } from "./stored-json.ts";

/** Most queues that are counted in one script. */
const QUEUES_AT_ONCE = 50;

/** A record and its place in the order of enqueues. */
interface Placed {
  readonly sequence: number;
  readonly record: TaskRecord;
}

/** Reads and changes results for people: lists, counts, cancel, retry, delete. */
export class Monitor {
  readonly #store: RedisStore;
  readonly #records: Records;

  constructor(store: RedisStore, records: Records) {
    this.#store = store;
    this.#records = records;
  }

  async readRecord(id: string): Promise<TaskRecord | undefined> {
    return isPossibleId(id) ? this.#records.readOne(id) : undefined;
  }

  async listRecords(options: ListOptions): Promise<RecordPage> {
    const { status, state, queueName, taskName, limit = 50, cursor } = options;
    const before = cursor === undefined ? "+inf" : readCursor(cursor);
    const names = await this.#queueNames();
    const queues = queueName === undefined ? names : names.filter((name) => name === queueName);
    const wanted = state === undefined ? status : statusOf(state);
    const isPossible = (status === undefined || wanted === status) && taskName !== "";
    const pages = await Promise.all(
      (isPossible ? queues : []).map((queue) =>
        this.#listQueue(queue, before, { ...options, status: wanted, limit: limit + 1 }),
      ),
    );
    const found = pages.flat().toSorted((a, b) => b.sequence - a.sequence);
    const shown = found.slice(0, limit);
    const nextCursor = found.length > limit ? String(shown.at(-1)!.sequence) : null;
    return { records: shown.map(({ record }) => record), nextCursor };
  }

  async counts(options: { readonly queueName?: string | undefined } = {}): Promise<StatusCounts> {
    assertKnownOptions("counts()", options, { queueName: 1 });
    const { queueName } = options;
    const names = await this.#queueNames();
    const counts = { READY: 0, RUNNING: 0, SUCCESSFUL: 0, FAILED: 0 };
    const wanted = queueName === undefined ? names : names.filter((name) => name === queueName);
    for (const { ready, scheduled, running, successful, failed } of await this.#count(wanted)) {
      counts.READY += ready + scheduled;
      counts.RUNNING += running;
      counts.SUCCESSFUL += successful;
      counts.FAILED += failed;
    }
    return counts;
  }

  async queues(declared: readonly string[]): Promise<readonly QueueInfo[]> {
    const names = [...new Set([...declared, ...(await this.#queueNames())])].toSorted();
    const infos: QueueInfo[] = [];
    const counts = await this.#count(names);
    names.forEach((name, index) => {
      const { ready, scheduled, running, oldestMs, paused } = counts[index]!;
      if (ready + scheduled + running === 0 && !paused && !declared.includes(name)) return;
      const oldestReadyMs = oldestMs < 0 ? null : oldestMs;
      infos.push({ name, ready, scheduled, running, paused, oldestReadyMs });
    });
    return infos;
  }

  async pause(queueName: string): Promise<void> {
    await this.#store.run(PAUSE, [queueName]);
  }

  async resume(queueName: string): Promise<void> {
    await this.#store.run(RESUME, [queueName]);
  }

  async workers(): Promise<readonly WorkerInfo[]> {
    const [now, ...sessions] = (await this.#store.run(WORKERS)) as [
      number,
      ...(readonly [string, string, number])[],
    ];
    return sessions
      .map(([shown, expires, running]) => toWorkerInfo(shown, Number(expires), running, now))
      .toSorted((a, b) => a.startedAt.getTime() - b.startedAt.getTime());
  }

  /** `undefined` when it was finished; the changed record otherwise. */
  cancel(id: string): Promise<TaskRecord | undefined> {
    return this.#change(id, ({ record }, now) => {
      const changed = transitions.cancel(record, now);
      return changed === record ? undefined : changed;
    });
  }

  /** `undefined` when it is not FAILED. */
  retry(id: string): Promise<TaskRecord | undefined> {
    return this.#change(id, ({ record }, now) =>
      record.status === "FAILED" ? transitions.retry(record, now) : undefined,
    );
  }

  async delete(id: string): Promise<boolean> {
    const answer = isPossibleId(id) ? await this.#store.run(DELETE, [id]) : -1;
    if (answer === -1) throw new TaskResultDoesNotExist(id);
    return answer === 1;
  }

  async #change(id: string, transition: Transition): Promise<TaskRecord | undefined> {
    let exists = false;
    const change = (): Transition => (read, now) => {
      exists = true;
      return transition(read, now);
    };
    const [record] = isPossibleId(id)
      ? await this.#records.change([{ queue: "", id }], change)
      : [undefined];
    if (!exists) throw new TaskResultDoesNotExist(id);
    return record;
  }

  /** The newest results of one queue before a place in the order of enqueues. */
  async #listQueue(
    queue: string,
    before: string,
    { status, state, taskName = "", limit = 50 }: ListOptions,
  ): Promise<readonly Placed[]> {
    const found: Placed[] = [];
    let cursor = before;
    while (cursor !== "" && found.length < limit) {
      const values = [queue, cursor, status ?? "", taskName, limit - found.length];
      const [next, ...jobs] = (await this.#store.run(LIST, values)) as [
        string,
        ...(readonly [string, string, Fields])[],
      ];
      for (const [sequence, id, fields] of jobs) {
        const record = toRecord(id, queue, toJob(fields));
        if (state !== undefined && taskState(record) !== state) continue;
        found.push({ sequence: Number(sequence), record });
      }
      cursor = next;
    }
    return found;
  }

  async #queueNames(): Promise<readonly string[]> {
    return (await this.#store.run(QUEUES)) as readonly string[];
  }

  async #count(queues: readonly string[]): Promise<readonly QueueCounts[]> {
    const items = queues.map((queue) => [queue]);
    const numbers = await this.#store.runInChunks(COUNT, items, QUEUES_AT_ONCE);
    return queues.map((_queue, index) => {
      const [ready, scheduled, running, successful, failed, oldestMs, paused] = numbers.slice(
        7 * index,
        7 * index + 7,
      ) as [number, number, number, number, number, number, number];
      return { ready, scheduled, running, successful, failed, oldestMs, paused: paused === 1 };
    });
  }
}

interface QueueCounts {
  readonly ready: number;
  readonly scheduled: number;
  readonly running: number;
  readonly successful: number;
  readonly failed: number;
  /** −1 when nothing is ready. */
  readonly oldestMs: number;
  readonly paused: boolean;
}

function toWorkerInfo(shown: string, expiresMs: number, running: number, now: number): WorkerInfo {
  const session = JSON.parse(shown) as {
    readonly workerId: string;
    readonly queueNames: readonly string[];
    readonly concurrency: number;
    readonly leaseMs: number;
    readonly startedAt: number;
  };
  return {
    workerId: session.workerId,
    queueNames: session.queueNames,
    concurrency: session.concurrency,
    startedAt: new Date(toNumber(session.startedAt)),
    lastSeenAt: new Date(expiresMs - session.leaseMs),
    alive: expiresMs > now,
    running,
  };
}

/** The status that results of a state have. */
function statusOf(state: TaskState): TaskStatus {
  switch (state) {
    case "scheduled":
    case "ready":
    case "blocked":
    case "retrying":
      return "READY";
    case "running":
      return "RUNNING";
    case "successful":
      return "SUCCESSFUL";
    case "failed":
    case "cancelled":
    case "lost":
      return "FAILED";
  }
}

function readCursor(cursor: string): string {
  if (/^\d{1,15}$/.test(cursor)) return String(Number(cursor) - 1);
  throw new InvalidOption("cursor must be the nextCursor of an earlier page.");
}
