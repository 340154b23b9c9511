import { DatabaseBackend, type DatabaseBackendOptions } from "@tasks/db";

/** A backend on a pool that is the run's own, and ends with it. */
export class PoolBackend extends DatabaseBackend {
  readonly #pool: { end(): Promise<void> };

  constructor(options: DatabaseBackendOptions & { readonly database: { end(): Promise<void> } }) {
    super(options);
    this.#pool = options.database;
  }

  override async close(): Promise<void> {
    await super.close();
    await this.#pool.end();
  }
}
