import type { ChangeKind } from "../changes.ts";
import type { Scope } from "../dialect.ts";
import type { TableNames } from "../tables.ts";

/** The tables' names as SQL text: quoted, so that capital letters keep their case. */
export interface PostgresNames {
  readonly results: string;
  readonly workers: string;
  readonly paused: string;
  readonly migrations: string;
  /** What numbers the rows of the results table. */
  readonly sequence: string;
  /** The quoted name of an index of the results table. It is in the schema of its table. */
  readonly index: (suffix: string) => string;
  /** Quoted; `null` for the connection's own. */
  readonly schema: string | null;
}

/** The present by the server's clock, in milliseconds since 1970. The same for the whole statement, so that indexes can be searched with it. */
export const NOW = "floor(extract(epoch from statement_timestamp()) * 1000)::bigint";

/** Quotes a set of names. */
export function postgresNames({
  prefix,
  schema,
  results,
  workers,
  paused,
  migrations,
}: TableNames): PostgresNames {
  return {
    results: quoted(results),
    workers: quoted(workers),
    paused: quoted(paused),
    migrations: quoted(migrations),
    sequence: quoted(`${results}_seq`),
    index: (suffix) => `"${prefix}results_${suffix}"`,
    schema: schema === null ? null : quoted(schema),
  };
}

/** Quotes a name, and each part of one with a schema. Names hold letters, digits and underscores only. */
export function quoted(name: string): string {
  return name
    .split(".")
    .map((part) => `"${part}"`)
    .join(".");
}

/** The channel on which a set of tables tells of changes. */
export function channelOf({ tables }: Scope): string {
  return `${tables.prefix}changes`;
}

/** What is sent on it. */
export function messageOf({ backend }: Scope, kind: ChangeKind, sender: string): string {
  return `${kind} ${sender} ${backend}`;
}

/** A list of texts as PostgreSQL writes arrays, for drivers that do not know what kind of array is meant. */
export function textArray(values: readonly string[]): string {
  const items = values.map((value) => `"${value.replaceAll(/["\\]/g, "\\$&")}"`);
  return `{${items.join(",")}}`;
}
