import { DatabaseBackend } from "@tasks/db";
import { Client, Pool } from "pg";

import { serverUrl, type MutantStore } from "./store.ts";

type Query = (this: Client, statement: unknown, ...rest: unknown[]) => unknown;

/** Tables of its own for each namespace, on the server of `POSTGRES_URL`. */
export const store: MutantStore = {
  define: () => {
    const url = serverUrl("POSTGRES_URL");
    const pool = new Pool({ connectionString: url, max: 5, allowExitOnIdle: true });
    return {
      createBackend: async ({ namespace, ...options }) => {
        const tablePrefix = `${namespace}_`;
        const backend = new DatabaseBackend({ url, poolSize: 3, tablePrefix, ...options });
        await backend.migrate();
        return backend;
      },
      destroy: async ({ namespace }) => {
        await using backend = new DatabaseBackend({
          url,
          poolSize: 1,
          tablePrefix: `${namespace}_`,
        });
        await backend.migrate({ to: 0 });
      },
      withTransaction: async (_backend, run) => {
        const client = await pool.connect();
        try {
          await client.query("begin");
          const result = await run(client);
          await client.query("commit");
          return result;
        } catch (error) {
          await client.query("rollback");
          throw error;
        } finally {
          client.release();
        }
      },
    };
  },
  rewrite: (rewriter) => {
    const prototype = Client.prototype as unknown as { query: Query };
    const { query } = prototype;
    prototype.query = function (statement, ...rest) {
      if (typeof statement === "string") return query.call(this, rewriter(statement), ...rest);
      const { text } = statement as { text?: string };
      if (text !== undefined) (statement as { text: string }).text = rewriter(text);
      return query.call(this, statement, ...rest);
    };
  },
};
