import type { Enqueued, EnqueueRequest, TaskRecord, TasksError } from "@tasks/core";
import type { ClaimRequest, LeaseThread, WorkerSession } from "@tasks/core/worker";
import type { Kysely, RawBuilder, SqlBool } from "kysely";

import type { ChangeKind } from "./changes.ts";
import type { Connection, Executor, Row } from "./connection.ts";
import type { Migration } from "./migrations.ts";
import type { TableNames, TasksDatabase } from "./tables.ts";

/** Databases this package speaks to. */
export type DialectName = "sqlite" | "postgres" | "mysql";

/** A successful attempt, encoded. */
export interface Success {
  readonly id: string;
  readonly fence: number;
  /** The number of its row, where it is known: quicker to find than an id. */
  readonly seq: number | null;
  readonly returnValueJson: string;
}

/** Which rows a dialect works on: one backend's, in tables of one prefix. */
export interface Scope {
  readonly tables: TableNames;
  /** Alias of the backend. */
  readonly backend: string;
  /** Ids are of the user's making, and stay as they are. */
  readonly keepsIds: boolean;
}

/**
 * Everything that differs between databases. Whoever calls it does not know which one runs.
 *
 * What is hot has a method of its own, so that each database may use its best statement: many rows at once, arrays, `skip locked`. What is cold is
 * built with `builder` and runs on any executor, or goes through `transitions` of core under `lockRow`.
 */
export interface Dialect {
  readonly name: DialectName;
  /** Compiles queries of this dialect; it is connected to nothing. */
  readonly builder: Kysely<TasksDatabase>;
  /** The schema's history, oldest first. */
  migrations(tables: TableNames): readonly Migration[];
  /** Lets one process at a time migrate, until the end of the transaction; for databases whose transactions do not see to that. */
  lockMigrations?(executor: Executor): Promise<void>;
  /** Ends that, for databases whose lock outlives the transaction. */
  unlockMigrations?(executor: Executor): Promise<void>;
  /** Tells whether a table exists. */
  hasTable(executor: Executor, name: string): Promise<boolean>;

  /** A condition that finds the row of an id, for databases that have no index of all ids. */
  whereId?(tables: TableNames, id: string): RawBuilder<SqlBool>;

  /** The present by the store's clock, in milliseconds. */
  now(executor: Executor): Promise<number>;

  /**
   * Stores requests in order; enqueue order is their order. The records it answers with may have other ids than the requests, unless the scope keeps
   * them. A request whose unique key is taken stores nothing and answers with the existing record,
   * or with the error to reject with. A driver's error ends it halfway: run it in a transaction where all or none must hold.
   */
  insert(
    executor: Executor,
    scope: Scope,
    requests: readonly EnqueueRequest[],
  ): Promise<readonly (Enqueued | TasksError)[]>;

  /**
   * Stores requests as `insert` does, in one statement, which needs no transaction around it. `undefined` where one statement does not do.
   *
   * @param teller gives the sender with which to tell of them as `notify` does, at the same time; `null` to tell nobody. Called only if they are stored.
   */
  insertAtOnce?(
    executor: Executor,
    scope: Scope,
    requests: readonly EnqueueRequest[],
    teller: () => string | null,
  ): Promise<readonly Enqueued[]> | undefined;

  /**
   * Claims in one atomic step: ready rows of the request become RUNNING. Scheduled rows that are due count as ready.
   * Resolves with the rows as they stand after it, best first, with `RECORD_COLUMNS`.
   *
   * @param whenFound awaited after something to claim was seen and before it is claimed; not called otherwise.
   */
  claim(
    connection: Connection,
    scope: Scope,
    request: ClaimRequest,
    whenFound: () => Promise<void>,
  ): Promise<readonly Row[]>;

  /** Milliseconds until a row of the request may be claimed: 0 for now, `null` when none is in sight. */
  readyInMs(executor: Executor, scope: Scope, request: ClaimRequest): Promise<number | null>;

  /** At most ten names of ready tasks in the request's queues that are not among its `taskNames`. */
  unknownTasks(executor: Executor, scope: Scope, request: ClaimRequest): Promise<readonly string[]>;

  /** Stores successes whose fence holds and which nobody asked to cancel; tells for each whether it was stored. */
  succeed(
    executor: Executor,
    scope: Scope,
    successes: readonly Success[],
  ): Promise<readonly boolean[]>;

  /** Reads a row by id for a change in the same transaction, so that nobody else changes it meanwhile. */
  lockRow(executor: Executor, scope: Scope, id: string): Promise<Row | undefined>;

  /** Writes what a transition changed about a locked row. Arguments, names and priority never change. */
  saveRow(executor: Executor, scope: Scope, record: TaskRecord): Promise<void>;

  /** Stores parts of running rows as JSON text; `null` leaves a part as it is. Conditional on each fence. */
  updateRunning(
    executor: Executor,
    scope: Scope,
    updates: readonly {
      readonly id: string;
      readonly fence: number;
      readonly progress: string | null;
      readonly metadata: string | null;
      readonly logs: string | null;
    }[],
  ): Promise<void>;

  /** `id`, `fence`, `phase` and `cancel_requested` of these rows. */
  readStates(executor: Executor, scope: Scope, ids: readonly string[]): Promise<readonly Row[]>;

  /** Grants or extends the session's lease from now. */
  renewLease(executor: Executor, scope: Scope, session: WorkerSession): Promise<void>;

  /** Ends a session: its lease is over. */
  endSession(executor: Executor, scope: Scope, sessionId: string): Promise<void>;

  /**
   * How to renew the session's lease from a thread, for databases that need a connection of their own for it.
   *
   * @param source where that thread connects to; see `Database`.
   */
  leaseThread?(source: unknown, scope: Scope, session: WorkerSession): LeaseThread;

  /** Ids of at most `limit` RUNNING rows whose session has no valid lease. */
  findLost(executor: Executor, scope: Scope, limit: number): Promise<readonly string[]>;

  /** Stores that a queue is paused, if nothing says so yet. Parameters: backend, queue, the present. */
  pauseSql(tables: TableNames): string;

  /** Forgets sessions whose lease ran out more than `graceMs` ago. */
  forgetSessions(executor: Executor, scope: Scope, graceMs: number): Promise<void>;

  /** Deletes at most `limit` rows of one final phase that finished at or before a moment, oldest first; all queues when `queueNames` is `null`. */
  deleteFinished(
    executor: Executor,
    scope: Scope,
    range: FinishedRange,
    limit: number,
  ): Promise<number>;

  /** How many rows `deleteFinished` would delete in all. */
  countFinished(executor: Executor, scope: Scope, range: FinishedRange): Promise<number>;

  /**
   * Compares two connections that are about to be used side by side. Resolves with what speaks against it, `undefined` when nothing does.
   *
   * @param own a connection of the backend.
   * @param other the one of a caller's transaction.
   */
  compareConnections(own: Executor, other: Executor, scope: Scope): Promise<string | undefined>;

  /**
   * Reads a value, cheaply, that differs after another connection's commit, or after a statement of someone else on this one. `null` for databases that
   * tell of changes by `notify`, or of work by `readWorkToken`.
   */
  readonly changeTokenSql: string | null;

  /**
   * Reads a value, cheaply, that differs when there is new work, for databases that have neither. It may miss work that is not new: whoever waits looks by
   * itself now and then. That results are finished is not told at all, and looked up as often as this.
   */
  readWorkToken?(executor: Executor, scope: Scope): Promise<unknown>;

  /** Name of the channel that `notify` sends on. */
  channel?(scope: Scope): string;
  /**
   * Tells everyone who listens that something changed, once the transaction commits. The message is `<kind> <sender> <backend>`.
   *
   * @param sender a word by which a process knows its own messages; `-` when it is to hear them too.
   */
  notify?(executor: Executor, scope: Scope, kind: ChangeKind, sender: string): Promise<void>;
  /** The same, by a statement that stands alone, if anybody listens. Resolves with whether someone may. */
  notifyListeners?(
    executor: Executor,
    scope: Scope,
    kind: ChangeKind,
    sender: string,
  ): Promise<boolean>;
}

/** Finished rows to prune. */
export interface FinishedRange {
  readonly phase: number;
  /** Milliseconds since 1970. */
  readonly finishedBefore: number;
  readonly queueNames: readonly string[] | null;
}
