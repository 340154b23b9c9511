import { RQBackend, type RedisClient, type RQBackendOptions } from "@tasks/rq";

/** A backend on a client that is the run's own, and ends with it. */
export class ClientBackend extends RQBackend {
  readonly #connection: RedisClient;

  constructor(options: RQBackendOptions & { readonly connection: RedisClient }) {
    super(options);
    this.#connection = options.connection;
    this.#connection.on("error", () => undefined);
  }

  override async close(): Promise<void> {
    await super.close();
    this.#connection.disconnect();
  }
}
