import { clearTimeout, setTimeout } from "node:timers";

import { InvalidTask } from "@tasks/core";

import { connectionKey } from "./caller-transaction.ts";
import type { Connection, Executor } from "./connection.ts";
import { toTasksError } from "./connections/errors.ts";
import { readSchemaVersion } from "./migrations.ts";
import { runSteps } from "./steps.ts";
import type { Store } from "./store.ts";

/** How long a missing schema may take to appear beside the caller's transaction, in milliseconds. */
const SCHEMA_PATIENCE_MS = 1000;

/** Makes sure that a caller's transaction may be used beside the backend's connection. Asks once per connection. */
export class CallerCheck {
  readonly #store: Store;
  readonly #passed = new WeakSet<object>();

  constructor(store: Store) {
    this.#store = store;
  }

  /** @throws InvalidTask when the transaction changes values or is on another database, its library and ours would harm the file, or it keeps the schema from being created. */
  async check(transaction: unknown, executor: Executor): Promise<void> {
    const { database, dialect } = this.#store;
    const key = connectionKey(transaction);
    const isOurs = key === undefined || key === database.key;
    // The transaction may hold the only connection there is: it is asked itself.
    if (isOurs) await this.#locate(executor);
    // Where nothing stands for the connection, the transaction stands for itself.
    const seen = key ?? (transaction as object);
    if (this.#passed.has(seen)) return;
    try {
      const problem =
        (await dialect.examine(executor)) ??
        (isOurs
          ? undefined
          : await dialect.compareConnections(
              await this.#connection(executor),
              executor,
              this.#store.scope,
            ));
      if (problem !== undefined) throw new InvalidTask(`The transaction given ${problem}.`);
    } catch (error) {
      throw toTasksError(error, "The given transaction");
    }
    this.#passed.add(seen);
  }

  async #locate(executor: Executor): Promise<void> {
    try {
      await this.#store.locate(executor);
    } catch (error) {
      throw toTasksError(error, "The given transaction");
    }
  }

  /** A transaction that has written locks out whoever would create the tables, and waits for that here: it must not wait for long. */
  async #connection(executor: Executor): Promise<Connection> {
    const { dialect, database } = this.#store;
    const connection = this.#store.connection();
    if (!(connection instanceof Promise)) return connection;
    await this.#locate(executor);
    const { tables } = this.#store;
    const isMissing =
      database.migratesItself &&
      (await runSteps(readSchemaVersion(executor, dialect, tables))) <
        dialect.migrations(tables).length;
    if (!isMissing) return connection;
    const overdue = new AbortController();
    try {
      return await Promise.race([connection, failLater(overdue.signal)]);
    } finally {
      overdue.abort();
    }
  }
}

async function failLater(ended: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const timer = setTimeout(() => {
      reject(
        new InvalidTask(
          "The tables of the task backend do not exist yet, and cannot be created while the transaction given holds the database. " +
            "Call `await backend.migrate()` once before the first transaction.",
        ),
      );
    }, SCHEMA_PATIENCE_MS);
    ended.addEventListener("abort", () => clearTimeout(timer), { once: true });
  });
}
