import { createHash } from "node:crypto";

import type { ChangeKind } from "../changes.ts";
import type { Scope } from "../dialect.ts";
import type { TableNames } from "../tables.ts";

/** The tables' names as SQL text: quoted, so that capital letters keep their case. */
export interface PostgresNames {
  readonly results: string;
  readonly workers: string;
  readonly keys: string;
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

/** The time at which it is evaluated: after the locks that the statement has waited for. */
export const CLOCK = "floor(extract(epoch from clock_timestamp()) * 1000)::bigint";

/** The same, looked up once for the statement rather than once per row. */
export const ONE_NOW: string = `(select ${NOW})`;

/** A list parameter, taken apart once for the statement rather than once per row. */
export function list(parameter: string): string {
  return `array(select unnest(${parameter}::text::text[]))`;
}

/** Quotes a set of names. */
export function postgresNames({
  prefix,
  schema,
  results,
  workers,
  keys,
  paused,
  migrations,
}: TableNames): PostgresNames {
  const inSchema = (name: string): string =>
    schema === null ? quoted(name) : `${quoted(schema)}.${quoted(name)}`;
  return {
    results: inSchema(results),
    workers: inSchema(workers),
    keys: inSchema(keys),
    paused: inSchema(paused),
    migrations: inSchema(migrations),
    sequence: inSchema(`${results}_seq`),
    index: (suffix) => quoted(`${prefix}results_${suffix}`),
    schema: schema === null ? null : quoted(schema),
  };
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A text as SQL. */
export function literal(text: string): string {
  const escaped = text.replaceAll("'", "''");
  return text.includes("\\") ? `E'${escaped.replaceAll("\\", "\\\\")}'` : `'${escaped}'`;
}

/** The longest name of a channel, in bytes. */
const LONGEST_CHANNEL = 63;

/** The channel on which a set of tables notifies of changes. Channels belong to the database, so the schema is part of the name. */
export function channelOf({ tables: { prefix, schema } }: Scope): string {
  const name = `${prefix}changes_${schema ?? ""}`;
  if (Buffer.byteLength(name) <= LONGEST_CHANNEL) return name;
  const hash = createHash("sha256").update(name).digest("hex");
  return `${prefix}changes_${hash}`.slice(0, LONGEST_CHANNEL);
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
