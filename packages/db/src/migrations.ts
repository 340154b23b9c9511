import { assertKnownOptions, InvalidOption } from "@tasks/core";
import { sql } from "kysely";

import type { Connection, Executor } from "./connection.ts";
import type { Dialect } from "./dialect.ts";
import { assertOwnTables, hasOwnTable, taken } from "./own-tables.ts";
import { toNumber } from "./rows.ts";
import { query, run, runSteps, step, type Steps } from "./steps.ts";
import { inSchemaOf, type TableNames } from "./tables.ts";

/** One step of the schema's history, as SQL of one dialect. */
export interface Migration {
  /** Counts from 1 without gaps. */
  readonly version: number;
  readonly name: string;
  readonly up: readonly string[];
  readonly down: readonly string[];
}

/** Options of `migrate()`. */
export interface MigrateOptions {
  /** Version to go to; 0 removes everything. @default the newest */
  readonly to?: number | undefined;
}

/** A step that a migration would take. */
export interface PlannedStep {
  /** Version and name, such as `1 initial`. */
  readonly step: string;
  /** Its statements, each ended by a semicolon and a line break. */
  readonly sql: string;
}

/**
 * Brings the schema to a version. Processes that start together wait for each other; each step runs once.
 *
 * @returns the steps taken, in order, such as `["1 initial"]`.
 * @throws InvalidOption when the version does not exist.
 */
export async function migrateSchema(
  connection: Connection,
  dialect: Dialect,
  tables: TableNames,
  options: MigrateOptions = {},
): Promise<readonly string[]> {
  const migrations = dialect.migrations(tables);
  const to = targetOf(migrations, options);
  // Most starts find the schema in place: look before taking the write lock.
  if ((await runSteps(readSchemaVersion(connection, dialect, tables))) === to) return [];
  return connection.transaction((executor) => runSteps(migrateTo(executor, dialect, tables, to)));
}

function* migrateTo(
  executor: Executor,
  dialect: Dialect,
  tables: TableNames,
  to: number,
): Steps<readonly string[]> {
  yield* step(dialect.lockMigrations?.(executor, tables));
  try {
    const from = yield* readSchemaVersion(executor, dialect, tables);
    // Neither taken over nor dropped.
    yield* assertOwnTables(executor, dialect, tables);
    const migrations = stepsBetween(dialect.migrations(tables), from, to);
    for (const migration of migrations) {
      yield* (from <= to ? apply : revert)(executor, dialect, tables, migration);
    }
    return migrations.map(titleOf);
  } finally {
    yield* step(dialect.unlockMigrations?.(executor, tables));
  }
}

/**
 * What `migrateSchema` would do to the schema as it is, in order. Changes nothing.
 *
 * @throws InvalidOption when the version does not exist.
 */
export async function planMigration(
  executor: Executor,
  dialect: Dialect,
  tables: TableNames,
  options: MigrateOptions = {},
): Promise<readonly PlannedStep[]> {
  const migrations = dialect.migrations(tables);
  const to = targetOf(migrations, options);
  const from = await runSteps(readSchemaVersion(executor, dialect, tables));
  const direction = from <= to ? "up" : "down";
  return stepsBetween(migrations, from, to).map((migration) => ({
    step: titleOf(migration),
    sql: stepSql(dialect, tables, migration, direction),
  }));
}

function targetOf(migrations: readonly Migration[], options: MigrateOptions): number {
  assertKnownOptions("migrate()", options, { to: 1 });
  const { to = migrations.length } = options;
  if (Number.isInteger(to) && to >= 0 && to <= migrations.length) return to;
  throw new InvalidOption(
    `There is no schema version ${to}; versions go from 0 to ${migrations.length}.`,
  );
}

function stepsBetween(
  migrations: readonly Migration[],
  from: number,
  to: number,
): readonly Migration[] {
  return from <= to ? migrations.slice(from, to) : migrations.slice(to, from).toReversed();
}

function titleOf({ version, name }: Migration): string {
  return `${version} ${name}`;
}

/**
 * The version the schema is at; 0 when there is none.
 *
 * @throws InvalidTaskBackend when something else has the name of a table.
 */
export function* readSchemaVersion(
  executor: Executor,
  dialect: Dialect,
  tables: TableNames,
): Steps<number> {
  if (!(yield* hasOwnTable(executor, dialect, tables, "migrations"))) return 0;
  const compiled = inSchemaOf(dialect.builder, tables)
    .selectFrom(tables.migrations)
    .select(({ fn }) => fn.max("version").as("version"))
    .compile();
  const [row] = yield* query(executor, compiled.sql, compiled.parameters as readonly number[]);
  return toNumber(row?.["version"]);
}

/** The whole schema as SQL text, for people who apply migrations by hand. */
export function schemaSql(
  dialect: Dialect,
  tables: TableNames,
  direction: "up" | "down" = "up",
): string {
  const migrations = dialect.migrations(tables);
  const ordered = direction === "up" ? migrations : migrations.toReversed();
  return ordered.map((migration) => stepSql(dialect, tables, migration, direction)).join("");
}

/** One step as text, its own record included. */
function stepSql(
  dialect: Dialect,
  tables: TableNames,
  migration: Migration,
  direction: "up" | "down",
): string {
  const toRecord = direction === "up" ? recordSql : forgetSql;
  const record = toRecord(dialect, tables, migration);
  const statements = [...migration[direction], ...record].map((statement) => `${statement};\n`);
  return `-- ${titleOf(migration)}\n${statements.join("")}`;
}

function* apply(
  executor: Executor,
  dialect: Dialect,
  tables: TableNames,
  { version, name, up }: Migration,
): Steps<void> {
  for (const statement of up) {
    try {
      yield* run(executor, statement, []);
    } catch (error) {
      const other = dialect.takenName(error);
      throw other === undefined ? error : taken(other, tables, error);
    }
  }
  const now = yield* step(dialect.now(executor));
  const compiled = inSchemaOf(dialect.builder, tables)
    .insertInto(tables.migrations)
    .values({ version, name, applied_at: now })
    .compile();
  yield* run(executor, compiled.sql, compiled.parameters as readonly (string | number)[]);
}

function* revert(
  executor: Executor,
  dialect: Dialect,
  tables: TableNames,
  migration: Migration,
): Steps<void> {
  const forgotten = forgetSql(dialect, tables, migration);
  for (const statement of [...migration.down, ...forgotten]) yield* run(executor, statement, []);
}

function recordSql(
  { builder }: Dialect,
  tables: TableNames,
  { version, name }: Migration,
): readonly string[] {
  const insertion = inSchemaOf(builder, tables)
    .insertInto(tables.migrations)
    .values({ version: sql.lit(version), name: sql.lit(name), applied_at: sql.lit(0) });
  return [insertion.compile().sql];
}

function forgetSql(
  { builder }: Dialect,
  tables: TableNames,
  { version }: Migration,
): readonly string[] {
  // The first step's way down drops the table of migrations itself.
  if (version === 1) return [];
  const deletion = inSchemaOf(builder, tables)
    .deleteFrom(tables.migrations)
    .where("version", "=", sql.lit(version));
  return [deletion.compile().sql];
}
