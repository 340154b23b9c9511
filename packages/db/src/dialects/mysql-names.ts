import type { TableNames } from "../tables.ts";

/**
 * The present by the server's clock, in milliseconds since 1970. The same for the whole statement, and whatever the session's time zone is: local time
 * has an hour in autumn that happens twice.
 */
export const NOW = "(timestampdiff(microsecond, '1970-01-01', utc_timestamp(3)) div 1000)";

/**
 * Texts that are equal when their bytes are, down to a space at the end. The two servers name that differently: MariaDB reads the first comment only,
 * MySQL the second.
 */
export const BYTEWISE =
  "character set utf8mb4 collate /*M!100202 utf8mb4_nopad_bin *//*!80017 utf8mb4_0900_bin */";

/** The tables' names as SQL text. */
export interface MysqlNames {
  readonly results: string;
  readonly workers: string;
  readonly keys: string;
  readonly paused: string;
  readonly migrations: string;
  /** The index of the keys' table by what has taken them. */
  readonly keysIndex: string;
  /** The name of an index of the results table. */
  readonly index: (suffix: string) => string;
}

/** Quotes a set of names. */
export function mysqlNames({ schema, results, ...others }: TableNames): MysqlNames {
  const inDatabase = (name: string): string =>
    schema === null ? quoted(name) : `${quoted(schema)}.${quoted(name)}`;
  return {
    results: inDatabase(results),
    workers: inDatabase(others.workers),
    keys: inDatabase(others.keys),
    keysIndex: quoted(`${others.keys}_holder`),
    paused: inDatabase(others.paused),
    migrations: inDatabase(others.migrations),
    index: (suffix) => quoted(`${results}_${suffix}`),
  };
}

/** Backquotes mean the same in every sql_mode. */
function quoted(name: string): string {
  return `\`${name.replaceAll("`", "``")}\``;
}

/**
 * Repeats the last value until the length is a power of two. Each length of a list makes a statement of its own, and servers keep a limited number of
 * prepared statements.
 */
export function padded<T>(values: readonly T[]): readonly T[] {
  const length = values.length === 0 ? 0 : 2 ** Math.ceil(Math.log2(values.length));
  return [...values, ...Array.from({ length: length - values.length }, () => values.at(-1)!)];
}

/** Placeholders of a list. */
export function marks(count: number): string {
  return Array.from({ length: count }, () => "?").join(", ");
}

/** Names as `find_in_set` takes them. Names of tasks have no commas. */
export function nameSet(names: readonly string[]): string {
  return names.join(",");
}

/** A text of one length, built once per length. */
export function byCount(build: (count: number) => string): (count: number) => string {
  const texts = new Map<number, string>();
  return (count) => {
    const text = texts.get(count) ?? build(count);
    texts.set(count, text);
    return text;
  };
}
