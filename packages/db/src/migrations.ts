import { sql } from "kysely";

import type { Connection, Executor } from "./connection.ts";
import type { Dialect } from "./dialect.ts";
import { toNumber } from "./rows.ts";
import type { TableNames } from "./tables.ts";

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
 * @throws RangeError when the version does not exist.
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
  if ((await readSchemaVersion(connection, dialect, tables)) === to) return [];
  return connection.transaction(async (executor) => {
    await dialect.lockMigrations?.(executor);
    try {
      const from = await readSchemaVersion(executor, dialect, tables);
      const steps = stepsBetween(migrations, from, to);
      for (const step of steps) {
        await (from <= to ? apply : revert)(executor, dialect, tables, step);
      }
      return steps.map(titleOf);
    } finally {
      await dialect.unlockMigrations?.(executor);
    }
  });
}

/**
 * What `migrateSchema` would do to the schema as it is, in order. Changes nothing.
 *
 * @throws RangeError when the version does not exist.
 */
export async function planMigration(
  executor: Executor,
  dialect: Dialect,
  tables: TableNames,
  options: MigrateOptions = {},
): Promise<readonly PlannedStep[]> {
  const migrations = dialect.migrations(tables);
  const to = targetOf(migrations, options);
  const from = await readSchemaVersion(executor, dialect, tables);
  const direction = from <= to ? "up" : "down";
  return stepsBetween(migrations, from, to).map((step) => ({
    step: titleOf(step),
    sql: stepSql(dialect, tables, step, direction),
  }));
}

function targetOf(
  migrations: readonly Migration[],
  { to = migrations.length }: MigrateOptions,
): number {
  if (Number.isInteger(to) && to >= 0 && to <= migrations.length) return to;
  throw new RangeError(
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

/** The version the schema is at; 0 when there is none. */
export async function readSchemaVersion(
  executor: Executor,
  dialect: Dialect,
  tables: TableNames,
): Promise<number> {
  if (!(await dialect.hasTable(executor, tables.migrations))) return 0;
  const compiled = dialect.builder
    .selectFrom(tables.migrations)
    .select(({ fn }) => fn.max("version").as("version"))
    .compile();
  const [row] = await executor.query(compiled.sql, compiled.parameters as readonly number[]);
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
  return ordered.map((step) => stepSql(dialect, tables, step, direction)).join("");
}

/** One step as text, its own record included. */
function stepSql(
  dialect: Dialect,
  tables: TableNames,
  step: Migration,
  direction: "up" | "down",
): string {
  const record =
    direction === "up" ? recordSql(dialect, tables, step) : forgetSql(dialect, tables, step);
  const statements = [...step[direction], ...record].map((statement) => `${statement};\n`);
  return `-- ${titleOf(step)}\n${statements.join("")}`;
}

async function apply(
  executor: Executor,
  dialect: Dialect,
  tables: TableNames,
  step: Migration,
): Promise<void> {
  for (const statement of step.up) await executor.run(statement, []);
  const compiled = dialect.builder
    .insertInto(tables.migrations)
    .values({ version: step.version, name: step.name, applied_at: await dialect.now(executor) })
    .compile();
  await executor.run(compiled.sql, compiled.parameters as readonly (string | number)[]);
}

async function revert(
  executor: Executor,
  dialect: Dialect,
  tables: TableNames,
  step: Migration,
): Promise<void> {
  for (const statement of step.down) await executor.run(statement, []);
  for (const statement of forgetSql(dialect, tables, step)) await executor.run(statement, []);
}

function recordSql(
  { builder }: Dialect,
  tables: TableNames,
  { version, name }: Migration,
): readonly string[] {
  const insertion = builder
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
  return [
    builder.deleteFrom(tables.migrations).where("version", "=", sql.lit(version)).compile().sql,
  ];
}
