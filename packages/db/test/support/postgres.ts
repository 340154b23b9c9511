import { Pool } from "pg";
import { afterAll, inject } from "vitest";

/** The test run's server. Everybody uses tables or schemas of their own on it. */
export function postgresUrl(): string {
  const url = inject("serviceUrls").postgres;
  if (url === undefined) throw new Error("The test run has no PostgreSQL server.");
  return url;
}

/** A pool of the test file's own, ended after it. */
export function createPool(max = 5): Pool {
  const pool = new Pool({ connectionString: postgresUrl(), max });
  // Connections that a test breaks on purpose.
  pool.on("error", () => undefined);
  afterAll(() => pool.end());
  return pool;
}

/** Runs `run` on a client inside `begin` … `commit`. */
export async function inPgTransaction<T>(
  pool: Pool,
  run: (transaction: unknown) => Promise<T>,
): Promise<T> {
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
}
