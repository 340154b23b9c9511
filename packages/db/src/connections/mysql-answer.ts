import { clearTimeout, setTimeout } from "node:timers";

/** A statement as `mysql2` takes it. */
export interface MysqlStatement {
  readonly sql: string;
  values?: unknown[];
  rowsAsArray?: boolean;
  nestTables?: boolean;
  typeCast?: (field: unknown, next: () => unknown) => unknown;
}

type Answered = (error: unknown, answer: unknown) => void;

/** What runs statements and calls back with rows, or with the header of a statement that gives none. */
export interface MysqlQueryable {
  query(statement: MysqlStatement, answered: Answered): unknown;
  execute(statement: MysqlStatement, answered: Answered): unknown;
}

/** What can be given up. */
export interface Discardable {
  destroy(): void;
  on(event: "error", listener: () => void): unknown;
  readonly stream?: {
    readonly bytesWritten?: number;
    readonly ref?: () => unknown;
    readonly unref?: () => unknown;
    readonly destroy?: (error: Error) => unknown;
  };
}

/**
 * Runs a statement, as a promise.
 *
 * @param answerLimitMs after how long it fails without an answer, in milliseconds; 0 for never. The driver's own limit does not begin before the statement
 * is prepared, which is what a connection that fell silent never gets to.
 */
export async function answerOf(
  method: "query" | "execute",
  queryable: MysqlQueryable,
  statement: MysqlStatement,
  answerLimitMs: number,
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const fail = (): void =>
      reject(new Error(`the server did not answer within answerLimitMs, ${answerLimitMs} ms`));
    const timer = answerLimitMs === 0 ? undefined : setTimeout(fail, answerLimitMs);
    queryable[method](statement, (error, answer) => {
      clearTimeout(timer);
      if (error === null || error === undefined) resolve(answer);
      else reject(error as Error);
    });
  });
}

/**
 * Gives a connection up, and fails what waits for its answer. The driver alone only says goodbye to the server; where nobody answers that, the socket
 * would keep the process alive for ever.
 */
export function discard(
  client: Discardable,
  why: Error = new Error("its connection was given up"),
): void {
  // Without a listener, the error would end the process.
  client.on("error", () => undefined);
  client.stream?.destroy?.(why);
  client.destroy();
}
