import { NotSupported } from "@tasks/core";

import type { DialectName } from "./dialect.ts";
import { SqliteDialect } from "./dialects/sqlite.ts";
import { schemaSql } from "./migrations.ts";
import { tableNames } from "./tables.ts";

/** Options of `migrations.sql`. */
export interface PrintOptions {
  /** The backend's `tablePrefix`. @default "tasks_" */
  readonly tablePrefix?: string | undefined;
  /** Build the schema, or remove it. @default "up" */
  readonly direction?: "up" | "down" | undefined;
}

/** The schema's history, for people who apply migrations with tools of their own. */
export const migrations: {
  /**
   * The whole schema as SQL text, statements ended by semicolons.
   *
   * @throws NotSupported for a dialect this version does not have.
   */
  sql(dialect: DialectName, options?: PrintOptions): string;
} = Object.freeze({
  sql(dialect: DialectName, options: PrintOptions = {}): string {
    if (dialect !== "sqlite") {
      throw new NotSupported(`This version has no migrations for ${String(dialect)}, only sqlite.`);
    }
    return schemaSql(new SqliteDialect(), tableNames(options.tablePrefix), options.direction);
  },
});
