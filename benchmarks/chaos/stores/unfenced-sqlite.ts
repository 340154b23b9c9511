import { DatabaseSync as Sqlite, type StatementSync } from "node:sqlite";

/**
 * A database on which the store is broken on purpose: a success is stored for whoever brings it, no matter who owns the attempt by then. A run that
 * does not fail on it proves nothing.
 *
 * Named like the class it stands for, by which backends know connections of `node:sqlite`.
 */
export class DatabaseSync extends Sqlite {
  override prepare(sql: string): StatementSync {
    return super.prepare(isSuccess(sql) ? withoutFence(sql) : sql);
  }
}

function isSuccess(sql: string): boolean {
  return /^update \w+ set[^]*\bphase = 4\b[^]*\bfence = /.test(sql);
}

/** Keeps every parameter in its place. */
function withoutFence(sql: string): string {
  const unfenced = sql
    .replace(/\bfence = (\S+)(?=[^]*$)/, "$1 is not null")
    .replace(/\bsession_id = (\S+)(?=[^]*$)/, "$1 is not null")
    .replace(/\band phase = 3\b/, "");
  if (unfenced.match(/is not null/g)?.length !== 2 || unfenced.includes("phase = 3")) {
    throw new Error(`The fence of this statement could not be taken away: ${sql}`);
  }
  return unfenced;
}
