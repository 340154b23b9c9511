import type { Enqueued, EnqueueRequest, TaskRecord, TasksError } from "@tasks/core";
import type {
  AttemptRef,
  ClaimRequest,
  LeaseThread,
  SeenSession,
  WorkerSession,
} from "@tasks/core/worker";
import type { Kysely, RawBuilder, SqlBool } from "kysely";

import type { ChangeKind } from "./changes.ts";
import type { Connection, Executor, Row } from "./connection.ts";
import type { Migration } from "./migrations.ts";
import type { Awaitable } from "./steps.ts";
import type { TableNames, TasksDatabase } from "./tables.ts";

/** Databases this package speaks to. */
export type DialectName = "sqlite" | "postgres" | "mysql";

/** An attempt with its session, named by whoever brings it or by the store. */
export type OwnedAttempt = AttemptRef & { readonly sessionId: string };

/** A successful attempt, encoded. */
export interface Success extends OwnedAttempt {
  /** The number of its row, where it is known: quicker to find than an id. */
  readonly seq: number | null;
  readonly returnValueJson: string;
}

/** Parts of a running row as JSON text; `null` leaves a part as it is. */
export interface EncodedUpdate extends OwnedAttempt {
  readonly progress: string | null;
  readonly metadata: string | null;
  readonly logs: string | null;
}

/** Which rows a dialect works on: one backend's, in tables of one prefix. */
export interface Scope {
  readonly tables: TableNames;
  /** Alias of the backend. */
  readonly backend: string;
}

/** A request, and what only this package knows of it. */
export interface InsertRequest extends EnqueueRequest {
  /** The id comes from `idFunction`: a result that has it is a mistake, not an answer. */
  readonly mustBeNew?: boolean;
}

/** How requests are stored. */
export interface InsertOptions {
  /** Store nothing when one of them is refused, as far as that is seen at first; then its error is among the answers. */
  readonly allOrNone: boolean;
  /** The caller's transaction that the executor is of; `null` for a connection of the backend's own. Outside of it nothing is stored. */
  readonly transaction: TransactionMark | null;
  /** Fail as busy rather than wait for a key that an open transaction of others may take. */
  readonly isImpatient: boolean;
  /** The sender with which to tell of the tasks as `notify` does, at the same time; `null` to tell nobody. Called when they are about to be stored. */
  readonly sender: () => string | null;
  /** Reads what others have committed, whatever the transaction sees of it. */
  readonly committed: () => Awaitable<Executor>;
}

/** By what a caller's transaction is known to be the same still. */
export interface TransactionMark {
  /** `null` when it has to be read. */
  readonly mark: string | null;
  keepMark(mark: string): void;
}

/**
 * Everything that differs between databases. Whoever calls it does not know which one runs.
 *
 * Methods that run inside a transaction return at once where the executor's database is in this
 * process; see `steps.ts`.
 *
 * What is hot has a method of its own, so that each database may use its best statement: many rows at once, arrays, `skip locked`. What is cold is
 * built with `builder` and runs on any executor, or goes through `transitions` of core under `lockRows`.
 */
export interface Dialect {
  readonly name: DialectName;
  /** Compiles queries of this dialect; it is connected to nothing. */
  readonly builder: Kysely<TasksDatabase>;
  /** The schema's history, oldest first. */
  migrations(tables: TableNames): readonly Migration[];
  /** Lets one process at a time migrate, until the end of the transaction; for databases whose transactions do not see to that. */
  lockMigrations?(executor: Executor, tables: TableNames): Promise<void>;
  /** Ends that, for databases whose lock outlives the transaction. */
  unlockMigrations?(executor: Executor, tables: TableNames): Promise<void>;
  /**
   * Finds where a connection would look for the tables; absent where there is but one place. Every statement names that place, so that connections with
   * other settings work on the same tables.
   *
   * @throws InvalidTaskBackend when the connection leads to no place at all.
   */
  locate?(executor: Executor, tables: TableNames): Promise<Location>;
  /** Columns of what has a name; none when it is no table, `undefined` when nothing has it. */
  columnsOf(
    executor: Executor,
    name: string,
    tables: TableNames,
  ): Awaitable<readonly string[] | undefined>;
  /** The name, as the server tells it, that kept something from being created; `undefined` when an error says something else. */
  takenName(error: unknown): string | undefined;

  /** A condition that finds the row of an id, for databases that have no index of all ids. */
  whereId?(scope: Scope, id: string): RawBuilder<SqlBool>;

  /** How a column of a record is read, for databases whose driver cannot read every value. */
  readColumn?(column: string): string;

  /** The present by the store's clock, in milliseconds. */
  now(executor: Executor): Awaitable<number>;

  /**
   * Stores requests in order; enqueue order is their order. A request whose id or unique key is taken stores nothing and is answered with the existing
   * record, or with the error to reject with. A driver's error ends it halfway.
   *
   * @returns at once where the executor's database is in this process.
   */
  insert(
    executor: Executor,
    scope: Scope,
    requests: readonly InsertRequest[],
    options: InsertOptions,
  ): Awaitable<readonly (Enqueued | TasksError)[]>;

  /** Whether `insert` needs a transaction around it. @param allOrNone of the requests. */
  needsTransaction(requests: readonly InsertRequest[], allOrNone: boolean): boolean;

  /** Whoever enqueues a unique key may have to wait for a transaction that others have open. */
  readonly keysMayWait: boolean;

  /**
   * Claims in one atomic step: due rows of the request become RUNNING, those that were ready when they were enqueued and those whose time has come
   * since. Resolves with the rows as they stand after it, best first, with `RECORD_COLUMNS`. Rows that other transactions have locked are skipped.
   */
  claim(
    connection: Connection,
    scope: Scope,
    request: ClaimRequest,
    steps: ClaimSteps,
  ): Promise<readonly Row[]>;

  /** Milliseconds until a row of the request may be claimed: 0 for now, `null` when none is in sight. */
  readyInMs(executor: Executor, scope: Scope, request: ClaimRequest): Promise<number | null>;

  /** At most ten names of ready tasks in the request's queues that are not among its `taskNames`. */
  unknownTasks(executor: Executor, scope: Scope, request: ClaimRequest): Promise<readonly string[]>;

  /** Frees the keys of scope `until-started` that attempts hold; conditional on each fence and session. */
  freeStartedKeys(
    executor: Executor,
    scope: Scope,
    attempts: readonly OwnedAttempt[],
  ): Promise<void>;

  /** Stores successes whose attempt holds its row and which nobody asked to cancel; tells for each whether it was stored. */
  succeed(
    executor: Executor,
    scope: Scope,
    successes: readonly Success[],
  ): Awaitable<readonly boolean[]>;

  /** Reads rows by id and locks them until the end of the transaction, in one statement and always in the same order. Rows that are gone are left out. */
  lockRows(executor: Executor, scope: Scope, ids: readonly string[]): Awaitable<readonly Row[]>;

  /** Writes the changes of transitions to locked rows, in one statement where the text fits. Arguments, names and priority never change. */
  saveRows(executor: Executor, scope: Scope, records: readonly TaskRecord[]): Awaitable<void>;

  /** Stores parts of running rows; conditional on each fence and session. */
  updateRunning(
    executor: Executor,
    scope: Scope,
    updates: readonly EncodedUpdate[],
  ): Awaitable<void>;

  /** `id`, `fence`, `session_id`, `phase` and `cancel_requested` of these rows. */
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

  /** The sessions of this backend, and sessions of RUNNING rows that have no row of their own; `""` stands for the session of rows without one. */
  readSessions(executor: Executor, scope: Scope): Awaitable<readonly StoredSession[]>;

  /**
   * Locks at most `limit` RUNNING rows of these sessions until the end of the transaction, without waiting for rows that other transactions hold. Resolves
   * with `LOST_COLUMNS`.
   */
  lockLost(
    executor: Executor,
    scope: Scope,
    sessionIds: readonly string[],
    limit: number,
  ): Awaitable<readonly Row[]>;

  /** Deletes sessions that have not renewed since they were read. */
  deleteSessions(
    executor: Executor,
    scope: Scope,
    sessions: readonly StoredSession[],
  ): Promise<void>;

  /** Stores that a queue is paused, if nothing says so yet. Parameters: backend, queue, the present. */
  pauseSql(tables: TableNames): string;

  /** Deletes at most `limit` rows of one final phase that finished at or before a moment, oldest first; all queues when `queueNames` is `null`. */
  deleteFinished(
    executor: Executor,
    scope: Scope,
    range: FinishedRange,
    limit: number,
  ): Promise<number>;

  /** Deletes the row of an id unless it is running; tells whether it did. */
  deleteRow(executor: Executor, scope: Scope, id: string): Awaitable<boolean>;

  /** How many rows `deleteFinished` would delete in all. */
  countFinished(executor: Executor, scope: Scope, range: FinishedRange): Promise<number>;

  /** Looks for faults of tables that a migration does not see. Resolves with what is wrong and how it is mended. */
  checkTables?(executor: Executor, tables: TableNames): Promise<string | undefined>;

  /**
   * Looks whether a connection brings values back as they were given, whatever its client and its session do to them. Resolves with what speaks against it.
   */
  examine(executor: Executor): Promise<string | undefined>;

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

/** Where tables are. */
export interface Location {
  /** The names, with their schema. */
  readonly tables: TableNames;
  /** Tables are there; otherwise it is where they would be created. */
  readonly isFound: boolean;
}

/** A session as it was read. */
export interface StoredSession extends SeenSession {
  /** It holds RUNNING rows. */
  readonly isHolder: boolean;
}

/** What a claim needs of the worker that makes it. */
export interface ClaimSteps {
  /** Awaited after something to claim was found and before it is claimed; not called otherwise. */
  readonly whenFound: () => Promise<void>;
  /** `whenFound` will not ask the database: a claim may find and take in one statement. */
  readonly isFresh: boolean;
  /** Claims in a row that found nothing although `readyInMs` promised something: the rows may be locked. */
  readonly misses: number;
}

/** Finished rows to prune. */
export interface FinishedRange {
  readonly phase: number;
  /** Milliseconds since 1970. */
  readonly finishedBefore: number;
  readonly queueNames: readonly string[] | null;
}
