import type { Executor, Row, SqlValue } from "./connection.ts";

/** A value, or the promise of one: databases in this process answer at once, servers later. */
export type Awaitable<T> = T | Promise<T>;

/** Work that goes on with each answer as soon as it is there. Written with `yield*` and `step`. */
export type Steps<T> = Generator<unknown, T, unknown>;

/** Waits for a value within `Steps`. */
export function* step<T>(value: Awaitable<T>): Steps<T> {
  return (yield value) as T;
}

/**
 * Runs steps to their end. Without a break while every answer is there at once, so that no other code of the process has its turn in between; then the
 * result is there at once, too.
 */
export function runSteps<T>(steps: Steps<T>): Awaitable<T> {
  let answer: unknown;
  for (;;) {
    const { done, value } = steps.next(answer);
    if (done === true) return value;
    if (value instanceof Promise) return runLater(steps, value);
    answer = value;
  }
}

async function runLater<T>(steps: Steps<T>, first: Promise<unknown>): Promise<T> {
  let waitedFor: unknown = first;
  for (;;) {
    const next = await Promise.resolve(waitedFor).then(
      (answer) => steps.next(answer),
      (error: unknown) => steps.throw(error),
    );
    if (next.done === true) return next.value;
    waitedFor = next.value;
  }
}

/** Rows of a statement, at once where the executor's database is in this process. */
export function* query(
  executor: Executor,
  sql: string,
  params: readonly SqlValue[],
): Steps<readonly Row[]> {
  const { direct } = executor;
  return yield* step(direct ? direct.query(sql, params) : executor.query(sql, params));
}

/** Runs a statement the same way. */
export function* run(executor: Executor, sql: string, params: readonly SqlValue[]): Steps<number> {
  const { direct } = executor;
  return yield* step(direct ? direct.run(sql, params) : executor.run(sql, params));
}

/** Runs one statement for each list of parameters, the same way. */
export function* runMany(
  executor: Executor,
  sql: string,
  paramLists: readonly (readonly SqlValue[])[],
): Steps<readonly number[]> {
  const { direct } = executor;
  return yield* step(direct ? direct.runMany(sql, paramLists) : executor.runMany(sql, paramLists));
}
