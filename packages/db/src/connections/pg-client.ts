import type { Executor, Row, SqlValue } from "../connection.ts";

/** A statement as `pg` takes it. */
export interface PgQuery {
  readonly name?: string;
  readonly text: string;
  readonly values: unknown[];
  /** After so many milliseconds without an answer the statement fails, and its connection is of no use any more. */
  readonly query_timeout?: number;
}

/** What `pg` answers. */
export interface PgAnswer {
  // oxlint-disable-next-line typescript/no-explicit-any -- as the library declares it
  readonly rows: any[];
  readonly rowCount?: number | null;
}

/** Something of `pg` that runs statements. */
export interface PgQueryable {
  query(query: PgQuery): Promise<PgAnswer>;
}

/** A client of a pool. */
export interface PgClient extends PgQueryable {
  release(destroy?: boolean): void;
  on(event: "error", listener: (error: Error) => void): unknown;
  removeListener(event: "error", listener: (error: Error) => void): unknown;
}

/** A `Pool` of `pg`, as far as it is used. */
export interface PgPool extends PgQueryable {
  connect(): Promise<PgClient>;
  end?(): Promise<void>;
  readonly totalCount: number;
  readonly options: object;
}

/** A client that listens. */
export interface PgListener extends PgQueryable {
  connect(): Promise<unknown>;
  end(): Promise<void>;
  ref?(): void;
  unref?(): void;
  /** What the pool of `pg` itself reaches for to break a connection off. */
  readonly connection?: { readonly stream?: { destroy(): unknown } };
  on(event: "error" | "end", listener: () => void): unknown;
  on(event: "notification", listener: (message: { payload?: string | undefined }) => void): unknown;
}

/** Tells whether a value is a pool of `pg`, of whichever copy of the library. */
export function isPgPool(value: unknown): value is PgPool {
  return isObject(value) && "totalCount" in value && "idleCount" in value && isQueryable(value);
}

/** Tells whether a value runs statements as a client of `pg` does; PGlite and its transactions do too. */
export function isQueryable(value: unknown): value is RawQueryable {
  return isObject(value) && "query" in value && typeof value.query === "function";
}

/** What clients of `pg`, PGlite and its transactions have in common. */
export interface RawQueryable {
  query(text: string, values: unknown[]): Promise<PgAnswer & { readonly affectedRows?: number }>;
  getTransactionStatus?(): string | null;
}

/** Statements that get a name, and so are planned once per connection. */
const MOST_NAMES = 100;

/**
 * Runs statements on a pool or one of its clients.
 *
 * @param isNamed gives statements names. A plan made while the table was empty may be kept for a while, so this is for connections whose settings rule out
 * the bad ones.
 * @param limitMs how long the server may take to answer; 0 for as long as it likes.
 */
export function pgExecutor(queryable: PgQueryable, isNamed: boolean, limitMs: number): Executor {
  const limit = limitMs === 0 ? {} : { query_timeout: limitMs };
  const execute = (text: string, params: readonly SqlValue[]): Promise<PgAnswer> => {
    const values = params as unknown[];
    const name = isNamed && params.length > 0 ? nameOf(text) : undefined;
    return queryable.query(
      name === undefined ? { text, values, ...limit } : { name, text, values, ...limit },
    );
  };
  return toExecutor(execute, ({ rowCount }) => rowCount ?? 0);
}

/** Runs statements on a client of the caller's. They get no name: it may be taken, and stay behind. */
export function rawPgExecutor(queryable: RawQueryable): Executor {
  return toExecutor(
    (text, params) => queryable.query(text, [...params]),
    ({ rowCount, affectedRows }) => rowCount ?? affectedRows ?? 0,
  );
}

function toExecutor<Answer extends PgAnswer>(
  execute: (text: string, params: readonly SqlValue[]) => Promise<Answer>,
  changedRows: (answer: Answer) => number,
): Executor {
  return {
    query: async (sql, params) => (await execute(sql, params)).rows as Row[],
    run: async (sql, params) => changedRows(await execute(sql, params)),
    runMany: async (sql, paramLists) => {
      const changes: number[] = [];
      for (const params of paramLists) changes.push(changedRows(await execute(sql, params)));
      return changes;
    },
  };
}

const names = new Map<string, string>();

function nameOf(text: string): string | undefined {
  const known = names.get(text);
  if (known !== undefined || names.size >= MOST_NAMES) return known;
  const name = `tasks_${names.size}`;
  names.set(text, name);
  return name;
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}
