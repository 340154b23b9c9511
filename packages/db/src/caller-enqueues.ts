import { createId, TasksError, type Enqueued } from "@tasks/core";
import { isError } from "@tasks/core/worker";

import { CallerCheck } from "./caller-check.ts";
import { lockKey, markKey, toExecutor } from "./caller-transaction.ts";
import type { Executor } from "./connection.ts";
import { whileBusy } from "./connections/busy.ts";
import { toTasksError } from "./connections/errors.ts";
import { Mutex } from "./connections/mutex.ts";
import type { InsertOptions, InsertRequest, TransactionMark } from "./dialect.ts";
import { notOpen } from "./dialects/insert-plan.ts";
import { run, runSteps, step, type Awaitable, type Steps } from "./steps.ts";
import type { Store } from "./store.ts";

type Answers = readonly (Enqueued | TasksError)[];

/** Stores tasks through transactions of the caller: visible to others when they commit. */
export class CallerEnqueues {
  readonly #store: Store;
  readonly #check: CallerCheck;
  readonly #marks = new WeakMap<object, string>();
  readonly #mutexes = new WeakMap<object, Mutex>();

  constructor(store: Store) {
    this.#store = store;
    this.#check = new CallerCheck(store);
  }

  /** All or none. Calls at the same time in one transaction are stored one after the other. */
  async enqueue(
    transaction: unknown,
    requests: readonly InsertRequest[],
  ): Promise<readonly Enqueued[]> {
    const executor = toExecutor(transaction, this.#store.dialect.name);
    try {
      return await this.#inTurn(transaction, async () => {
        await this.#check.check(transaction, executor);
        return this.#insert(transaction, executor, requests);
      });
    } catch (error) {
      if (error instanceof Refused) throw error.refusal;
      throw isOver(error) ? notOpen(error) : toTasksError(error, "The given transaction");
    }
  }

  async #inTurn<T>(transaction: unknown, work: () => Promise<T>): Promise<T> {
    const key = lockKey(transaction);
    const mutex = this.#mutexes.get(key) ?? new Mutex();
    this.#mutexes.set(key, mutex);
    return mutex.run(work);
  }

  async #insert(
    transaction: unknown,
    executor: Executor,
    requests: readonly InsertRequest[],
  ): Promise<readonly Enqueued[]> {
    const { dialect, database } = this.#store;
    const options: InsertOptions = {
      allOrNone: true,
      transaction: this.#markOf(transaction),
      // How long to wait is the caller's to say.
      isImpatient: false,
      // Told to others when it commits, and to this process as well.
      sender: () => "-",
      committed: () => this.#store.connection(),
    };
    const insert = (through: Executor): Awaitable<readonly Enqueued[]> => {
      // A savepoint would begin a transaction.
      if (through.direct?.inTransaction() === false) throw notOpen();
      const work = (): Steps<readonly Enqueued[]> => this.#storeAll(through, requests, options);
      return runSteps(
        dialect.needsTransaction(requests, true) ? inSavepoint(through, work) : work(),
      );
    };
    // Where statements are answered at once, all of them are one step, and as a whole tried again.
    return executor.direct === undefined
      ? insert(patientExecutor(executor, database.busyLimitMs))
      : whileBusy(() => insert(executor), database.busyLimitMs);
  }

  /** @throws the error of a request that was refused, when nothing is stored any more. */
  *#storeAll(
    executor: Executor,
    requests: readonly InsertRequest[],
    options: InsertOptions,
  ): Steps<readonly Enqueued[]> {
    const { dialect, scope } = this.#store;
    const answers: Answers = yield* step(dialect.insert(executor, scope, requests, options));
    const refusal = answers.find((answer) => answer instanceof TasksError);
    const enqueued = answers.filter(
      (answer): answer is Enqueued => !(answer instanceof TasksError),
    );
    if (refusal === undefined) return enqueued;
    if (executor.direct === undefined) {
      // Not by a rollback: what the caller has done at the same time would go with it.
      for (const { record, deduplicated } of enqueued) {
        if (!deduplicated) yield* step(dialect.deleteRow(executor, scope, record.id));
      }
    }
    throw new Refused(refusal);
  }

  /** Transactions of libraries are objects of their own, whose mark is read once; a connection goes from one transaction to the next. */
  #markOf(transaction: unknown): TransactionMark {
    const key = markKey(transaction);
    const marks = this.#marks;
    return {
      mark: (key === undefined ? undefined : marks.get(key)) ?? null,
      keepMark: (mark) => {
        if (key !== undefined) marks.set(key, mark);
      },
    };
  }
}

/** A request was refused, and nothing is stored but what a rollback takes back. */
class Refused extends Error {
  readonly refusal: TasksError;

  constructor(refusal: TasksError) {
    super(refusal.message);
    this.refusal = refusal;
  }
}

/** All or none within a transaction that goes on afterwards. */
function* inSavepoint<T>(executor: Executor, work: () => Steps<T>): Steps<T> {
  const name = `tasks_${createId()}`;
  yield* run(executor, `savepoint ${name}`, []);
  try {
    const result = yield* work();
    yield* run(executor, `release savepoint ${name}`, []);
    return result;
  } catch (error) {
    try {
      if (!(error instanceof Refused) || executor.direct !== undefined) {
        yield* run(executor, `rollback to savepoint ${name}`, []);
      }
      yield* run(executor, `release savepoint ${name}`, []);
    } catch {
      // There is no transaction any more, or no connection; the error that led here says more.
    }
    throw error;
  }
}

/** Tells whether a library or server says that the transaction has ended. */
function isOver(error: unknown): boolean {
  if (!isError(error) || TasksError.is(error)) return false;
  return /transaction (?:query )?(?:is )?already|can only be used in transaction blocks|savepoint .*does not exist|no such savepoint/i.test(
    error.message,
  );
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
