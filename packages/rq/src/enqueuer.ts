import { setImmediate } from "node:timers";

import {
  createId,
  DuplicateTask,
  InvalidTask,
  TasksError,
  type Enqueued,
  type EnqueueRequest,
} from "@tasks/core";
import { transitions } from "@tasks/core/worker";

import { takenByOther, type Batches } from "./batches.ts";
import type { RedisStore, ScriptValue } from "./connection/redis-store.ts";
import { deferred } from "./deferred.ts";
import { isPossibleId } from "./ids.ts";
import { toBullPriority, toJob, toRecord, type Fields } from "./record.ts";
import type { Records } from "./records.ts";
import { ENQUEUE } from "./scripts/enqueue.ts";

/** Most tasks of separate calls in one script, and about how many bytes, so that neither Redis nor the event loop is held up. */
const CHUNK = 500;
const CHUNK_BYTES = 8 * 2 ** 20;
/** Max tasks of one batch in one script. */
const BATCH = 1000;

/** A call of `enqueue` that waits for its job to be stored. */
interface Waiting {
  readonly request: EnqueueRequest;
  readonly resolve: (enqueued: Enqueued) => void;
  readonly reject: (error: unknown) => void;
}

/** The number of a request that was not stored, then queue, id and fields of what holds its key. */
type Conflict = readonly [number, string, string, Fields];

/**
 * Stores tasks. Calls made at the same time travel together; each resolves when its own job is stored, and a lone call does not wait for company.
 */
export class Enqueuer {
  readonly #store: RedisStore;
  readonly #batches: Batches;
  readonly #records: Records;
  #waiting: Waiting[] = [];
  #isFlushing = false;

  constructor(store: RedisStore, batches: Batches, records: Records) {
    this.#store = store;
    this.#batches = batches;
    this.#records = records;
  }

  async enqueue(request: EnqueueRequest): Promise<Enqueued> {
    assertPossible(request);
    const { promise, resolve, reject } = deferred<Enqueued>();
    this.#waiting.push({ request, resolve, reject });
    if (!this.#isFlushing) {
      this.#isFlushing = true;
      // Behind the calls that other code of this turn is about to make.
      void Promise.resolve().then(() => this.#flush());
    }
    return promise;
  }

  /** All or none. Each part of a large batch begins to run when it is there. */
  async enqueueMany(requests: readonly EnqueueRequest[]): Promise<readonly Enqueued[]> {
    requests.forEach(assertPossible);
    if (isLarge(requests)) return this.#insertLarge(requests);
    const answers = await this.#insert("all", requests);
    return answers.map((answer) => {
      if (answer instanceof TasksError) throw answer;
      return answer;
    });
  }

  /** Resolves when no call is waiting. */
  async idle(): Promise<void> {
    while (this.#isFlushing) await new Promise(setImmediate);
  }

  async #flush(): Promise<void> {
    try {
      while (this.#waiting.length > 0) await this.#settle(this.#takeChunk());
    } finally {
      this.#isFlushing = false;
    }
  }

  #takeChunk(): readonly Waiting[] {
    let count = 0;
    for (let bytes = 0; count < Math.min(CHUNK, this.#waiting.length); count++) {
      bytes += this.#waiting[count]!.request.argsJson.length;
      if (count > 0 && bytes > CHUNK_BYTES) break;
    }
    return this.#waiting.splice(0, count);
  }

  /** Stores a batch together; when the server refuses it, each by itself, so that a bad one fails alone. */
  async #settle(batch: readonly Waiting[]): Promise<void> {
    try {
      const requests = batch.map(({ request }) => request);
      const answers = await this.#insert("each", requests);
      batch.forEach(({ resolve, reject }, index) => {
        const answer = answers[index]!;
        if (answer instanceof TasksError) reject(answer);
        else resolve(answer);
      });
    } catch (error) {
      if (batch.length > 1 && InvalidTask.is(error)) {
        for (const one of batch) await this.#settle([one]);
        return;
      }
      for (const { reject } of batch) reject(error);
    }
  }

  async #insertLarge(requests: readonly EnqueueRequest[]): Promise<readonly Enqueued[]> {
    const ids = requests.map(({ id }) => id ?? createId());
    const answer = await this.#batches.insert(valuesOf(requests, ids), requests.length, {
      canBeRefused: requests.some(({ id, unique }) => id !== null || unique !== null),
      canBeRejected: requests.some(({ unique }) => unique?.onConflict === "reject"),
    });
    if ("holder" in answer) {
      throw new DuplicateTask(requests[answer.number]!.taskName, answer.holder);
    }
    const { now, refused } = answer;
    const existing = new Map<number, Enqueued>();
    const { found } = await this.#records.read([...refused.values()]);
    [...refused].forEach(([number, { id }], index) => {
      // One that was deleted since is shown as this request would have been.
      const record = found[index]?.record ?? transitions.enqueue({ ...requests[number]!, id }, now);
      existing.set(number, { record, deduplicated: true });
    });
    return requests.map(
      (request, number) => existing.get(number) ?? stored(request, now, ids[number]!),
    );
  }

  async #insert(
    mode: "all" | "each",
    requests: readonly EnqueueRequest[],
  ): Promise<readonly (Enqueued | TasksError)[]> {
    const values: ScriptValue[] = [mode];
    const ids = requests.map(({ id }) => id ?? createId());
    for (const request of valuesOf(requests, ids)) values.push(...request);
    const [now, ...conflicts] = (await this.#store.run(ENQUEUE, values)) as [number, ...Conflict[]];
    const at = new Date(now);
    if (conflicts.length === 0) {
      return requests.map((request, number) => stored(request, at, ids[number]!));
    }
    const byNumber = new Map(conflicts.map((conflict) => [conflict[0], conflict]));
    return requests.map((request, number) => {
      const conflict = byNumber.get(number);
      return conflict === undefined
        ? stored(request, at, ids[number]!)
        : duplicate(request, conflict, at);
    });
  }
}

/** @throws InvalidTask for an id that no key can hold. */
function assertPossible({ id }: EnqueueRequest): void {
  if (id === null || isPossibleId(id)) return;
  throw new InvalidTask(
    `Invalid id ${JSON.stringify(id).slice(0, 80)}: on Redis use 1 to 64 letters, digits, "_", "." and "-", not digits alone, and no name of BullMQ's such as "active".`,
  );
}

/** A batch that would hold up the server for long as one script. */
function isLarge(requests: readonly EnqueueRequest[]): boolean {
  let bytes = 0;
  return (
    requests.length > BATCH ||
    requests.some(({ argsJson }) => (bytes += argsJson.length) > CHUNK_BYTES)
  );
}

/** Arguments of `ENQUEUE`, for each request when its turn comes. */
function* valuesOf(
  requests: readonly EnqueueRequest[],
  ids: readonly string[],
): Generator<readonly ScriptValue[]> {
  for (const [number, request] of requests.entries()) {
    const { runAfter, delayMs, metadata, unique } = request;
    yield [
      request.queueName,
      ids[number]!,
      request.taskName,
      request.argsJson,
      toBullPriority(request.priority),
      request.maxLost,
      isEmpty(metadata) ? "" : JSON.stringify(metadata),
      runAfter === null ? "" : runAfter.getTime(),
      delayMs === null ? "" : delayMs,
      unique === null ? "" : unique.key,
      unique === null ? "" : unique.scope,
      unique === null ? 0 : unique.windowMs,
      unique?.onConflict === "reject" ? "reject" : "",
      request.id === null ? "" : "given",
    ];
  }
}

function stored(request: EnqueueRequest, now: Date, id: string): Enqueued {
  return { record: transitions.enqueue(request, now, id), deduplicated: false };
}

function duplicate(
  request: EnqueueRequest,
  [, queue, id, fields]: Conflict,
  now: Date,
): Enqueued | TasksError {
  const { id: given, taskName, unique } = request;
  if (fields.length === 0) {
    return new InvalidTask(takenByOther(id, queue));
  }
  if (id !== given && unique?.onConflict === "reject") return new DuplicateTask(taskName, id);
  const job = toJob(fields);
  // One that is not published yet is shown as this request would have been.
  const record = job.has("name")
    ? toRecord(id, queue, job)
    : transitions.enqueue({ ...request, id, queueName: queue }, now);
  return { record, deduplicated: true };
}

function isEmpty(object: object): boolean {
  for (const _key in object) return false;
  return true;
}
