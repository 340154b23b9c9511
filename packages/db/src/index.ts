export { DatabaseBackend } from "./database-backend.ts";
export type { DatabaseBackendOptions } from "./database-backend.ts";
export type { RawTransaction } from "./caller-transaction.ts";
export type { SqlValue } from "./connection.ts";
export type {
  BetterSqliteDatabase,
  NodeSqliteDatabase,
  SqliteDatabase,
} from "./connections/sqlite-handle.ts";
export type { DialectName } from "./dialect.ts";
export type { MigrateOptions, PlannedStep } from "./migrations.ts";
export type { ConnectionOptions, DatabaseSource } from "./open-database.ts";
export { migrations } from "./printable-migrations.ts";
export type { PrintOptions } from "./printable-migrations.ts";
export { taskResults } from "./task-results.ts";
export type { ResultsQueries, ResultsQueriesOptions, ResultsQuery } from "./task-results.ts";
export type { MigrationsTable, ResultsTable, TasksDatabase, WorkersTable } from "./tables.ts";
