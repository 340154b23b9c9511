import type { Executor } from "../connection.ts";
import { toText } from "../rows.ts";
import type { SessionPins } from "./session-pins.ts";

/** Values of session variables that statements are written for. Where a server has another by default, a statement does something else, or nothing. */
const NEEDED: Readonly<Record<string, string>> = {
  // Without it a statement that stands alone is never committed.
  autocommit: "1",
  // Refuses or cuts off statements, or checks less.
  sql_safe_updates: "0",
  sql_big_selects: "1",
  sql_select_limit: "18446744073709551615",
  unique_checks: "1",
};
/** Values that do not fit are errors. No other mode changes what statements mean. */
const SQL_MODE = "STRICT_TRANS_TABLES";
/** Modes of a session that need not be changed: they touch nothing that statements use. */
const HARMLESS: readonly string[] = [
  SQL_MODE,
  "STRICT_ALL_TABLES",
  "ONLY_FULL_GROUP_BY",
  "NO_ZERO_IN_DATE",
  "NO_ZERO_DATE",
  "ERROR_FOR_DIVISION_BY_ZERO",
  "NO_AUTO_CREATE_USER",
  "NO_ENGINE_SUBSTITUTION",
  "TRADITIONAL",
  "ALLOW_INVALID_DATES",
  // What mysql2 asks for by itself. No name of ours that is one of a function is followed by a parenthesis.
  "IGNORE_SPACE",
];

/**
 * Ends transactions whatever the session's `completion_type` is: under `CHAIN` the next statement would belong to another transaction, which nobody commits,
 * and under `RELEASE` the server closes the connection.
 */
export const COMMIT_MYSQL = "commit and no chain no release";
/** The same for those that failed. */
export const ROLLBACK_MYSQL = "rollback and no chain no release";

/** Sets what statements depend on, for connections of our own. */
export function pinMysqlSession(): string {
  const variables = Object.entries(NEEDED).map(([name, value]) => `${name} = ${value}`);
  const charset = ["client", "connection", "results"].map(
    (use) => `character_set_${use} = utf8mb4`,
  );
  const settings = [...variables, ...charset, `sql_mode = '${SQL_MODE}'`].join(", ");
  // The limit on answers decides. Each of the two servers knows one of the two names.
  return `${settings} /*M! , max_statement_time = 0 */ /*!80000 , max_execution_time = 0 */`;
}

/** Reads what a session would have to have changed; `undefined` when nothing. */
export async function readMysqlPins(executor: Executor): Promise<SessionPins | undefined> {
  // As numbers: MariaDB writes some of them as ON and OFF.
  const columns = Object.keys(NEEDED).map(
    (name) => `cast(@@session.${name} + 0 as char) as ${name}`,
  );
  const [row] = await executor.query(
    `select ${columns.join(", ")}, @@session.sql_mode as sql_mode`,
    [],
  );
  const wanted: [name: string, value: string, was: string][] = [];
  for (const [name, value] of Object.entries(NEEDED)) {
    const was = toText(row?.[name]);
    if (was !== value && /^\d+$/.test(was)) wanted.push([name, value, was]);
  }
  const mode = toText(row?.["sql_mode"]);
  if (!isFitMode(mode)) wanted.push(["sql_mode", `'${SQL_MODE}'`, `'${mode}'`]);
  if (wanted.length === 0) return undefined;
  return {
    pin: `set ${wanted.map(([name, value]) => `session ${name} = ${value}`).join(", ")}`,
    restore: `set ${wanted.map(([name, , was]) => `session ${name} = ${was}`).join(", ")}`,
  };
}

function isFitMode(mode: string): boolean {
  const modes = mode.split(",").filter((name) => name !== "");
  return (
    modes.some((name) => name.startsWith("STRICT_")) &&
    modes.every((name) => HARMLESS.includes(name))
  );
}
