import type { Awaitable } from "./steps.ts";

/** What statements take as parameters. */
export type SqlValue = string | number | null;

/** One row, by column name. */
export type Row = Readonly<Record<string, unknown>>;

/** Runs statements: on a connection of ours, or inside a transaction. */
export interface Executor {
  /** Rows of a `select`, or of a statement with `returning`. */
  query(sql: string, params: readonly SqlValue[]): Promise<readonly Row[]>;
  /** Runs a statement that returns no rows. Resolves with the number of rows it changed. */
  run(sql: string, params: readonly SqlValue[]): Promise<number>;
  /** Runs one statement once per list of parameters, in order. Resolves with the numbers of rows changed. */
  runMany(sql: string, paramLists: readonly (readonly SqlValue[])[]): Promise<readonly number[]>;
  /** The same without waiting, where the database is in this process; see `steps.ts`. */
  readonly direct?: DirectExecutor;
}

/** Runs statements of a database in this process, inside a transaction. */
export interface DirectExecutor {
  query(sql: string, params: readonly SqlValue[]): readonly Row[];
  run(sql: string, params: readonly SqlValue[]): number;
  runMany(sql: string, paramLists: readonly (readonly SqlValue[])[]): readonly number[];
  /** A transaction is open. */
  inTransaction(): boolean;
}

/**
 * A database in use by a backend. Statements given to it directly stand alone; `transaction` groups them.
 *
 * Rejections are `BackendUnavailable` with the driver's error as `cause`. A database that is busy is tried again, without holding up the event loop.
 */
export interface Connection extends Executor {
  /**
   * Runs `work` in one transaction that may write; commits when it is done and rolls back when it fails. `work` must be safe to repeat: it runs
   * again when the store was busy. Inside it only the executor it is given may be used.
   *
   * Where the executor has `direct`, work must return its result at once (see `runSteps`): the
   * application uses the same connection.
   */
  transaction<T>(work: (executor: Executor) => Awaitable<T>): Promise<T>;
  /**
   * Hears what is sent on a channel, by a connection of its own; absent where nothing can be heard.
   *
   * @param channel its name, unquoted.
   */
  listen?(
    channel: string,
    notified: Notified,
  ): Promise<{
    /** Whether it should keep the process alive. */
    readonly setActive: (active: boolean) => void;
    readonly close: () => Promise<void>;
  }>;
  /** The same, but a statement or transaction that is refused as busy fails at once; absent where nobody needs it. */
  readonly impatient?: Connection;
  /** The same, for transactions that may take longer than statements usually do; absent where nothing hurries them. */
  readonly unhurried?: Connection;
  /** Closes what was opened here, within a few seconds even when the database does not answer. Idempotent. */
  close(): Promise<void>;
}

/** Who is told. */
export interface Notified {
  readonly onMessage: (message: string) => void;
  /** The connection broke: nothing more will be heard. Called at most once. */
  readonly onLost: () => void;
}
