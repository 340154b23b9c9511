import { NotSupported } from "@tasks/core";

import type { DialectName } from "./dialect.ts";
import { MysqlDialect } from "./dialects/mysql.ts";
import { PostgresDialect } from "./dialects/postgres.ts";
import { SqliteDialect } from "./dialects/sqlite.ts";
import { schemaSql } from "./migrations.ts";
import { tableNames } from "./tables.ts";

/** Options of `migrations.sql`. */
export interface PrintOptions {
  /** The backend's `tablePrefix`. @default "tasks_" */
  readonly tablePrefix?: string | undefined;
  /** The backend's `schema`; for PostgreSQL. @default none */
  readonly schema?: string | undefined;
  /** Build the schema, or remove it. @default "up" */
  readonly direction?: "up" | "down" | undefined;
}

/** The schema's history, for people who apply migrations with tools of their own. */
export const migrations: {
  /**
   * The whole schema as SQL text, statements ended by semicolons.
   *
   * @throws NotSupported for a dialect this version does not have, or a schema where there are none.
   */
  sql(dialect: DialectName, options?: PrintOptions): string;
} = Object.freeze({
  sql(dialect: DialectName, options: PrintOptions = {}): string {
    const { tablePrefix, schema = null, direction } = options;
    switch (dialect) {
      case "postgres":
        return schemaSql(new PostgresDialect(), tableNames(tablePrefix, schema), direction);
      case "sqlite":
        if (schema !== null) throw new NotSupported("SQLite has no schemas; leave schema out.");
        return schemaSql(new SqliteDialect(), tableNames(tablePrefix), direction);
      case "mysql":
        if (schema !== null) {
          throw new NotSupported(
            "A schema of MySQL is a database: connect to it, and leave schema out.",
          );
        }
        return schemaSql(new MysqlDialect(), tableNames(tablePrefix), direction);
      default:
        throw new NotSupported(
          `There are no migrations for ${String(dialect)}, only for sqlite, postgres and mysql.`,
        );
    }
  },
});
