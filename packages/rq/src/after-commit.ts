import { InvalidTask } from "@tasks/core";

/** A transaction that says when it has been committed. */
export interface CommitHook {
  /** Has a function called after the commit; never, when the transaction is rolled back. */
  afterCommit(callback: () => Promise<void>): void;
}

/**
 * Runs a transaction of your database, and enqueues what was given its hook after the commit: nothing when it is rolled back.
 *
 * `run` resolves when the transaction is committed, and rejects when it is rolled back, as the transaction functions of Kysely, Drizzle, Prisma and Knex
 * do. The process that dies between commit and enqueue loses the tasks; where that must not be, keep them in the database with `@tasks/db`.
 *
 * @example
 * await afterCommit((transaction) =>
 *   db.transaction().execute(async (trx) => {
 *     await trx.insertInto("users").values(user).execute();
 *     await sendWelcome.using({ transaction }).enqueue(user.id);
 *   }),
 * );
 *
 * @returns what `run` resolves with.
 * @throws what `run` rejects with; after the commit the first error of an enqueue, when all were tried.
 */
export async function afterCommit<T>(run: (transaction: CommitHook) => Promise<T>): Promise<T> {
  const callbacks: (() => Promise<void>)[] = [];
  let isOver = false;
  const hook: CommitHook = {
    afterCommit(callback) {
      if (isOver) throw new InvalidTask("The transaction is over; nothing can be enqueued in it.");
      callbacks.push(callback);
    },
  };
  try {
    const result = await run(hook);
    isOver = true;
    const ends = await Promise.allSettled(callbacks.map((callback) => callback()));
    for (const end of ends) if (end.status === "rejected") throw end.reason;
    return result;
  } finally {
    isOver = true;
  }
}

/** @throws InvalidTask when the value has no `afterCommit`. */
export function toCommitHook(transaction: unknown): CommitHook {
  const isHook =
    typeof transaction === "object" &&
    transaction !== null &&
    "afterCommit" in transaction &&
    typeof transaction.afterCommit === "function";
  if (isHook) return transaction as CommitHook;
  throw new InvalidTask(
    "RQBackend needs a transaction with afterCommit(callback). Run yours inside afterCommit() of @tasks/rq, and pass on what it hands out.",
  );
}
