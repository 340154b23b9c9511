import { DatabaseBackend, type DatabaseBackendOptions } from "@tasks/db";

/** A backend whose tables exist. */
export async function openBackend(options: DatabaseBackendOptions): Promise<DatabaseBackend> {
  const backend = new DatabaseBackend(options);
  await backend.migrate();
  return backend;
}

/** `begin` … `commit` on a handle, as a caller would by hand. */
export async function inTransaction<T>(
  handle: { exec(sql: string): unknown },
  run: (transaction: unknown) => Promise<T>,
): Promise<T> {
  handle.exec("begin immediate");
  try {
    const result = await run(handle);
    handle.exec("commit");
    return result;
  } catch (error) {
    handle.exec("rollback");
    throw error;
  }
}
