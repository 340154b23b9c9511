import { BackendUnavailable, createId } from "@tasks/core";

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
import type { TableNames } from "./tables.ts";

/** What the parts of one backend share: the connection, the dialect, the tables. Connects on first use. */
export class Store {
  readonly dialect: Dialect;
  readonly database: Database;
  readonly tables: TableNames;
  readonly changes: Changes;
  readonly #alias: () => string;
  readonly #keepsIds: boolean;
  /** Tells this process's notifications from those of others. */
  readonly #sender = createId();
  #scope: Scope | undefined;
  #connecting: Promise<Connection> | undefined;
  #connection: Connection | undefined;
  #closing: Promise<void> | undefined;

  /** @param owner what of the backend's is needed: its alias, once it has one, and whether ids stay as they are given. */
  constructor(
    database: Database,
    tables: TableNames,
    owner: { readonly alias: () => string; readonly keepsIds: boolean },
  ) {
    this.database = database;
    this.dialect = database.dialect;
    this.tables = tables;
    this.#alias = owner.alias;
    this.#keepsIds = owner.keepsIds;
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

  /** The rows that are this backend's. The alias is known only after configuration. */
  get scope(): Scope {
    const backend = this.#alias();
    if (this.#scope?.backend !== backend) {
      this.#scope = Object.freeze({ tables: this.tables, backend, keepsIds: this.#keepsIds });
    }
    return this.#scope;
  }

  /** The connection, with the schema in place where the backend looks after it itself. */
  connection(): Promise<Connection> | Connection {
    return this.#connection ?? this.#connect(this.database.migratesItself);
  }

  /** Runs several statements as one. */
  async transaction<T>(work: (executor: Executor) => Promise<T>): Promise<T> {
    return (await this.connection()).transaction(work);
  }

  /** Brings the schema to a version; see `migrateSchema`. */
  async migrate(options?: MigrateOptions): Promise<readonly string[]> {
    // An explicit migration says itself what it does, and where it stops.
    const connection = this.#connection ?? (await this.#connect(false));
    return migrateSchema(connection.unhurried ?? connection, this.dialect, this.tables, options);
  }

  /** What a migration would do; see `planMigration`. Leaves the schema as it is, also where the backend looks after it itself. */
  async planMigration(options?: MigrateOptions): Promise<readonly PlannedStep[]> {
    const connection = this.#connection ?? (await this.database.connect());
    try {
      return await planMigration(connection, this.dialect, this.tables, options);
    } finally {
      if (connection !== this.#connection) await connection.close();
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #connect(migrates: boolean): Promise<Connection> {
    this.#connecting ??= this.#open(migrates).catch((error: unknown) => {
      // The next call tries again.
      this.#connecting = undefined;
      throw error;
    });
    return this.#connecting;
  }

  async #open(migrates: boolean): Promise<Connection> {
    if (this.#closing !== undefined) throw new BackendUnavailable("The backend was closed.");
    const connection = await this.database.connect();
    try {
      if (migrates) await migrateSchema(connection, this.dialect, this.tables);
    } catch (error) {
      await connection.close();
      throw error;
    }
    this.#connection = connection;
    return connection;
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
    return this.dialect.readWorkToken?.(await this.connection(), this.scope);
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
    const { backend } = this.scope;
    const connection = await this.connection();
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
