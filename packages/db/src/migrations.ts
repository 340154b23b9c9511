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
  const { to = migrations.length } = options;
  if (!Number.isInteger(to) || to < 0 || to > migrations.length) {
    throw new RangeError(
      `There is no schema version ${to}; versions go from 0 to ${migrations.length}.`,
    );
  }
  // Most starts find the schema in place: look before taking the write lock.
  if ((await readSchemaVersion(connection, dialect, tables)) === to) return [];
  return connection.transaction(async (executor) => {
    await dialect.lockMigrations?.(executor);
    try {
      return await takeSteps(executor, dialect, tables, to);
    } finally {
      await dialect.unlockMigrations?.(executor);
    }
  });
}

async function takeSteps(
  executor: Executor,
  dialect: Dialect,
  tables: TableNames,
  to: number,
): Promise<readonly string[]> {
  const migrations = dialect.migrations(tables);
  const from = await readSchemaVersion(executor, dialect, tables);
  const steps = from <= to ? migrations.slice(from, to) : migrations.slice(to, from).toReversed();
  for (const step of steps) await (from <= to ? apply : revert)(executor, dialect, tables, step);
  return steps.map(({ version, name }) => `${version} ${name}`);
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
  const statements = ordered.flatMap((step) => [
    `-- ${step.version} ${step.name}`,
    ...step[direction].map((statement) => `${statement};`),
    ...(direction === "up" ? [`${recordSql(dialect, tables, step)};`] : []),
  ]);
  return `${statements.join("\n")}\n`;
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
  // The first step's way down drops the table of migrations itself.
  if (step.version === 1) return;
  const compiled = dialect.builder
    .deleteFrom(tables.migrations)
    .where("version", "=", step.version)
    .compile();
  await executor.run(compiled.sql, compiled.parameters as readonly number[]);
}

function recordSql({ builder }: Dialect, tables: TableNames, { version, name }: Migration): string {
  return builder
    .insertInto(tables.migrations)
    .values({ version: sql.lit(version), name: sql.lit(name), applied_at: sql.lit(0) })
    .compile().sql;
}
