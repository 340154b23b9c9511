import { BackendUnavailable, createId, InvalidTaskBackend } from "@tasks/core";

import { ChangeWatcher } from "./change-watcher.ts";
import type { ChangeKind, Changes } from "./changes.ts";
import type { Connection, Executor } from "./connection.ts";
import type { Dialect, Scope } from "./dialect.ts";
import {
  migrateSchema,
  planMigration,
  type MigrateOptions,
  type PlannedStep,
} from "./migrations.ts";
import { Notifications, type Subscription } from "./notifications.ts";
import type { Database } from "./open-database.ts";
import { Poller } from "./poller.ts";
import type { Awaitable } from "./steps.ts";
import type { TableNames } from "./tables.ts";

/** What the parts of one backend share: the connection, the dialect, the tables. Connects on first use. */
export class Store {
  readonly dialect: Dialect;
  readonly database: Database;
  readonly changes: Changes;
  /** The tables' names as the user gave them. */
  readonly #named: TableNames;
  /** The same with their place, once it is known. */
  #tables: TableNames | undefined;
  /** The tables are at that place, and in place of their own accord where the backend looks after them itself. */
  #isReady = false;
  #isMigrated: boolean;
  /** The connection is known to keep values as they are. */
  #isExamined = false;
  readonly #alias: () => string;
  /** Tells this process's notifications from those of others. */
  readonly #sender = createId();
  #scope: Scope | undefined;
  #connecting: Promise<Connection> | undefined;
  #migrating: Promise<unknown> | undefined;
  #connection: Connection | undefined;
  #closing: Promise<void> | undefined;

  /** @param alias the backend's, once it has one. */
  constructor(database: Database, tables: TableNames, alias: () => string) {
    this.database = database;
    this.dialect = database.dialect;
    this.#named = tables;
    this.#isMigrated = !database.migratesItself;
    this.#alias = alias;
    const { changeTokenSql } = this.dialect;
    this.changes = this.dialect.readWorkToken
      ? new Poller(() => this.#readWorkToken())
      : changeTokenSql === null
        ? new Notifications({
            sender: this.#sender,
            send: (kind) => this.#notify(kind),
            subscribe: (onMessage, onLost) => this.#subscribe(onMessage, onLost),
          })
        : new ChangeWatcher(() => this.#readToken(changeTokenSql));
  }

  /**
   * The tables, with their place. Known once `connection()` or `locate()` has resolved.
   *
   * @throws BackendUnavailable before.
   */
  get tables(): TableNames {
    if (this.#tables !== undefined) return this.#tables;
    throw new BackendUnavailable("The backend has not connected to its database yet.");
  }

  /** `tables` is known. */
  get isLocated(): boolean {
    return this.#tables !== undefined;
  }

  /** The rows that are this backend's, once `tables` is known. The alias is known only after configuration. */
  get scope(): Scope {
    const { tables } = this;
    const backend = this.#alias();
    if (this.#scope?.backend !== backend || this.#scope.tables !== tables) {
      this.#scope = Object.freeze({ tables, backend });
    }
    return this.#scope;
  }

  /** The connection, with the place of the tables known, and with the schema in place where the backend looks after it itself. */
  connection(): Promise<Connection> | Connection {
    return this.#isReady && this.#isExamined && this.#connection !== undefined
      ? this.#connection
      : this.#prepare();
  }

  /** Finds the place of the tables by any connection to their database. */
  async locate(executor: Executor): Promise<void> {
    if (this.#isReady) return;
    const { dialect } = this;
    const found = await dialect.locate?.(executor, this.#named);
    // Another call may have been quicker.
    if (this.#isReady) return;
    this.#tables = found?.tables ?? this.#named;
    // Tables that are not there yet may turn up elsewhere: the next call looks again.
    this.#isReady = this.#isMigrated && (found === undefined || found.isFound);
  }

  /** Runs several statements as one. */
  async transaction<T>(work: (executor: Executor) => Awaitable<T>): Promise<T> {
    return (await this.connection()).transaction(work);
  }

  /** Brings the schema to a version; see `migrateSchema`. */
  async migrate(options?: MigrateOptions): Promise<readonly string[]> {
    const connection = await this.#connectAndLocate();
    const { unhurried = connection } = connection;
    const steps = await migrateSchema(unhurried, this.dialect, this.tables, options);
    // An explicit migration says itself what it does, and where it stops.
    this.#isMigrated = true;
    return steps;
  }

  /** What a migration would do; see `planMigration`. Leaves the schema as it is, also where the backend looks after it itself. */
  async planMigration(options?: MigrateOptions): Promise<readonly PlannedStep[]> {
    const connection = await this.#connectAndLocate();
    return planMigration(connection, this.dialect, this.tables, options);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** For the first calls, which may come at the same time. */
  async #prepare(): Promise<Connection> {
    const connection = await this.#connectAndLocate();
    if (this.#isMigrated) return connection;
    this.#migrating ??= this.migrate().finally(() => {
      this.#migrating = undefined;
    });
    await this.#migrating;
    await this.locate(connection);
    return connection;
  }

  async #connectAndLocate(): Promise<Connection> {
    this.#connecting ??= this.#open().catch((error: unknown) => {
      // The next call tries again.
      this.#connecting = undefined;
      throw error;
    });
    const connection = await this.#connecting;
    await this.locate(connection);
    if (!this.#isExamined) await this.#examine(connection);
    return connection;
  }

  async #examine(connection: Connection): Promise<void> {
    const problem = await this.dialect.examine(connection);
    if (problem !== undefined) {
      throw new InvalidTaskBackend(`The connection given to the backend ${problem}.`);
    }
    this.#isExamined = true;
  }

  async #open(): Promise<Connection> {
    if (this.#closing !== undefined) throw new BackendUnavailable("The backend was closed.");
    this.#connection = await this.database.connect();
    return this.#connection;
  }

  async #close(): Promise<void> {
    await this.changes.close();
    const connection = await this.#connecting?.catch(() => undefined);
    await connection?.close();
  }

  async #readToken(sql: string): Promise<unknown> {
    const connection = await this.connection();
    const [row] = await connection.query(sql, []);
    return row?.["token"];
  }

  async #readWorkToken(): Promise<unknown> {
    const connection = await this.connection();
    return this.dialect.readWorkToken?.(connection, this.scope);
  }

  async #notify(kind: ChangeKind): Promise<boolean> {
    const connection = await this.connection();
    const sending = this.dialect.notifyListeners?.(connection, this.scope, kind, this.#sender);
    return (await sending) ?? false;
  }

  async #subscribe(
    onMessage: (kind: ChangeKind) => void,
    onLost: () => void,
  ): Promise<Subscription | undefined> {
    const connection = await this.connection();
    const { backend } = this.scope;
    const channel = this.dialect.channel?.(this.scope);
    if (connection.listen === undefined || channel === undefined) return undefined;
    return connection.listen(channel, {
      onLost,
      onMessage: (message) => {
        const [kind, sender, ...alias] = message.split(" ");
        // Those who wait in this process knew before.
        if (alias.join(" ") !== backend || sender === this.#sender) return;
        if (kind === "work" || kind === "finished") onMessage(kind);
      },
    });
  }
}
