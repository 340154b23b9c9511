import {
  DuplicateTask,
  InvalidTask,
  TasksError,
  type Enqueued,
  type EnqueueRequest,
} from "@tasks/core";
import { transitions } from "@tasks/core/worker";

import type { RedisStore, ScriptValue } from "./connection/redis-store.ts";
import { deferred } from "./deferred.ts";
import { isPossibleId } from "./ids.ts";
import { toBullPriority, toJob, toRecord, type Fields } from "./record.ts";
import { ENQUEUE } from "./scripts/enqueue.ts";

/** Most tasks of separate calls in one script, and about how many bytes, so that neither Redis nor the event loop is held up. */
const CHUNK = 500;
const CHUNK_BYTES = 8 * 2 ** 20;
/** Most tasks of one atomic batch: a script takes about a million values. */
const MOST_AT_ONCE = 50_000;

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
  #waiting: Waiting[] = [];
  #isFlushing = false;

  constructor(store: RedisStore) {
    this.#store = store;
  }

  async enqueue(request: EnqueueRequest): Promise<Enqueued> {
    assertPossible(request);
    const { promise, resolve, reject } = deferred<Enqueued>();
    this.#waiting.push({ request, resolve, reject });
    if (!this.#isFlushing) {
      this.#isFlushing = true;
      // Behind the calls that other code of this turn is about to make.
      queueMicrotask(() => void this.#flush());
    }
    return promise;
  }

  /** All or none. */
  async enqueueMany(requests: readonly EnqueueRequest[]): Promise<readonly Enqueued[]> {
    if (requests.length > MOST_AT_ONCE) {
      throw new InvalidTask(
        `A batch on Redis is one script, of at most ${MOST_AT_ONCE} tasks, not ${requests.length}. Enqueue it in parts.`,
      );
    }
    requests.forEach(assertPossible);
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

  async #insert(
    mode: "all" | "each",
    requests: readonly EnqueueRequest[],
  ): Promise<readonly (Enqueued | TasksError)[]> {
    const values: ScriptValue[] = [mode];
    for (const request of requests) pushValues(values, request);
    const [now, ...conflicts] = (await this.#store.run(ENQUEUE, values)) as [number, ...Conflict[]];
    const at = new Date(now);
    if (conflicts.length === 0) return requests.map((request) => stored(request, at));
    const byNumber = new Map(conflicts.map((conflict) => [conflict[0], conflict]));
    return requests.map((request, number) => {
      const conflict = byNumber.get(number);
      return conflict === undefined ? stored(request, at) : duplicate(request, conflict);
    });
  }
}

/** @throws InvalidTask for an id that no key can hold. */
function assertPossible({ id }: EnqueueRequest): void {
  if (isPossibleId(id)) return;
  throw new InvalidTask(
    `On Redis an id has 1 to 64 letters, digits, "_", "." and "-"; ${JSON.stringify(id).slice(0, 80)} has not.`,
  );
}

function pushValues(values: ScriptValue[], request: EnqueueRequest): void {
  const { runAfter, delayMs, metadata, unique } = request;
  values.push(
    request.queueName,
    request.id,
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
  );
}

function stored(request: EnqueueRequest, now: Date): Enqueued {
  return { record: transitions.enqueue(request, now), deduplicated: false };
}

function duplicate(
  { taskName, unique }: EnqueueRequest,
  [, queue, id, fields]: Conflict,
): Enqueued | TasksError {
  if (fields.length === 0) {
    return new InvalidTask(`The id '${id}' is taken, in queue '${queue}', by what is no task.`);
  }
  if (unique?.onConflict === "reject") return new DuplicateTask(taskName, id);
  return { record: toRecord(id, queue, toJob(fields)), deduplicated: true };
}

function isEmpty(object: object): boolean {
  for (const _key in object) return false;
  return true;
}
