import { InvalidTask } from "@tasks/core";

import { connectionKey } from "./caller-transaction.ts";
import type { Executor } from "./connection.ts";
import type { Store } from "./store.ts";

/** Makes sure that a caller's transaction may be used beside the backend's connection. Asks once per connection. */
export class CallerCheck {
  readonly #store: Store;
  readonly #passed = new WeakSet<object>();

  constructor(store: Store) {
    this.#store = store;
  }

  /** @throws InvalidTask when the transaction is on another database, or its library and ours would harm the file. */
  async check(transaction: unknown, executor: Executor): Promise<void> {
    const { database, dialect, scope } = this.#store;
    const key = connectionKey(transaction);
    if (key === undefined || key === database.key || this.#passed.has(key)) return;
    const own = await this.#store.connection();
    const problem = await dialect.compareConnections(own, executor, scope);
    if (problem !== undefined) throw new InvalidTask(`The transaction given ${problem}.`);
    this.#passed.add(key);
  }
}
