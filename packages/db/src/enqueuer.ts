import { setTimeout } from "node:timers/promises";

import { InvalidTask, TasksError, type Enqueued, type EnqueueRequest } from "@tasks/core";

import { CallerCheck } from "./caller-check.ts";
import { toExecutor } from "./caller-transaction.ts";
import type { Executor } from "./connection.ts";
import { whileBusy } from "./connections/busy.ts";
import { toTasksError } from "./connections/errors.ts";
import { deferred } from "./deferred.ts";
import type { Store } from "./store.ts";

/** Rows in one step of a large enqueue, so that neither memory nor the event loop feels its size. */
const CHUNK_ROWS = 1000;
/** Pause between two looks whether all calls are answered, in milliseconds. */
const IDLE_LOOK_MS = 2;

/** A call of `enqueue` that waits for its row to be durable. */
interface Waiting {
  readonly request: EnqueueRequest;
  readonly resolve: (enqueued: Enqueued) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Stores tasks. Calls made at the same time travel as one transaction; each resolves when its own row is durable, and a lone call does not wait for
 * company.
 */
export class Enqueuer {
  readonly #store: Store;
  readonly #callers: CallerCheck;
  #waiting: Waiting[] = [];
  #isFlushing = false;

  constructor(store: Store) {
    this.#store = store;
    this.#callers = new CallerCheck(store);
  }

  enqueue(request: EnqueueRequest): Promise<Enqueued> {
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
    const atOnce = requests.length <= CHUNK_ROWS ? await this.#insertAtOnce(requests) : undefined;
    if (atOnce !== undefined) return atOnce;
    const enqueued = await this.#store.transaction((executor) =>
      this.#insertAll(executor, requests),
    );
    this.#store.changes.announce("work");
    return enqueued;
  }

  /** Stores tasks through the caller's transaction: visible to others when it commits. */
  async enqueueIn(
    transaction: unknown,
    requests: readonly EnqueueRequest[],
  ): Promise<readonly Enqueued[]> {
    const { dialect, scope } = this.#store;
    const executor = toExecutor(transaction, dialect.name);
    const where = "The given transaction";
    await this.#callers.check(transaction, executor);
    const patient = patientExecutor(executor, this.#store.database.busyLimitMs);
    const insert = async (): Promise<readonly Enqueued[]> => {
      const enqueued = await this.#insertAll(patient, requests);
      // Part of the transaction: told to others when it commits.
      await dialect.notify?.(patient, scope, "work", "-");
      return enqueued;
    };
    try {
      return await (requests.length === 1 ? insert() : inSavepoint(patient, insert));
    } catch (error) {
      throw toTasksError(error, where);
    }
  }

  /** Resolves when no call is waiting. */
  async idle(): Promise<void> {
    while (this.#isFlushing) await setTimeout(IDLE_LOOK_MS);
  }

  async #insertAll(
    executor: Executor,
    requests: readonly EnqueueRequest[],
  ): Promise<readonly Enqueued[]> {
    const { dialect, scope } = this.#store;
    const enqueued: Enqueued[] = [];
    for (let start = 0; start < requests.length; start += CHUNK_ROWS) {
      if (start > 0) await new Promise(setImmediate);
      // Copies read once what a large batch encodes only when it is asked for.
      const chunk = requests.slice(start, start + CHUNK_ROWS).map((request) => ({ ...request }));
      for (const answer of await dialect.insert(executor, scope, chunk)) {
        if (answer instanceof TasksError) throw answer;
        enqueued.push(answer);
      }
    }
    return enqueued;
  }

  async #flush(): Promise<void> {
    try {
      while (this.#waiting.length > 0) {
        const batch = this.#waiting.splice(0, CHUNK_ROWS);
        await this.#settle(batch);
      }
    } finally {
      this.#isFlushing = false;
    }
  }

  /** Stores a batch together; when the store refuses a row, each by itself, so that a bad one fails alone. */
  async #settle(batch: readonly Waiting[]): Promise<void> {
    const requests = batch.map(({ request }) => request);
    try {
      const answers = (await this.#insertAtOnce(requests)) ?? (await this.#insert(requests));
      batch.forEach(({ resolve, reject }, index) => {
        const answer = answers[index]!;
        if (answer instanceof TasksError) reject(answer);
        else resolve(answer);
      });
    } catch (error) {
      if (batch.length > 1 && InvalidTask.is(error)) {
        for (const one of batch) await this.#settle([one]);
      } else {
        for (const { reject } of batch) reject(error);
      }
    }
  }

  /** `undefined` where one statement does not do. */
  async #insertAtOnce(
    requests: readonly EnqueueRequest[],
  ): Promise<readonly Enqueued[] | undefined> {
    const { dialect, scope, changes } = this.#store;
    if (dialect.insertAtOnce === undefined) return undefined;
    const connection = await this.#store.connection();
    let sender: string | null = null;
    const teller = (): string | null => (sender = changes.teller?.("work") ?? null);
    const enqueued = await dialect.insertAtOnce(connection, scope, requests, teller);
    if (enqueued !== undefined) changes.announce("work", sender !== null);
    return enqueued;
  }

  async #insert(requests: readonly EnqueueRequest[]): Promise<readonly (Enqueued | TasksError)[]> {
    const { dialect, scope } = this.#store;
    const connection = await this.#store.connection();
    const isOneStatement = requests.length === 1 && requests[0]!.unique === null;
    const answers = isOneStatement
      ? await dialect.insert(connection, scope, requests)
      : await connection.transaction((executor) => dialect.insert(executor, scope, requests));
    this.#store.changes.announce("work");
    return answers;
  }
}

/** All or none within a transaction that goes on afterwards. */
async function inSavepoint<T>(executor: Executor, work: () => Promise<T>): Promise<T> {
  await executor.run("savepoint tasks_enqueue", []);
  try {
    const result = await work();
    await executor.run("release savepoint tasks_enqueue", []);
    return result;
  } catch (error) {
    await executor.run("rollback to savepoint tasks_enqueue", []);
    await executor.run("release savepoint tasks_enqueue", []);
    throw error;
  }
}

/** A deferred transaction takes the write lock with its first write, and may have to wait for it. */
function patientExecutor(executor: Executor, limitMs: number): Executor {
  return {
    query: (sql, params) => whileBusy(() => executor.query(sql, params), limitMs),
    run: (sql, params) => whileBusy(() => executor.run(sql, params), limitMs),
    // Repeating a list halfway through would store its first half twice.
    runMany: async (sql, paramLists) => {
      const changes: number[] = [];
      for (const params of paramLists) {
        changes.push(await whileBusy(() => executor.run(sql, params), limitMs));
      }
      return changes;
    },
  };
}
