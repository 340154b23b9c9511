import type { Executor, Row, SqlValue } from "../connection.ts";

/** A statement written with `:name` for each parameter, as drivers take it: with a `?` for each, and the names in their order. */
export interface NamedStatement<Name extends string> {
  readonly sql: string;
  readonly names: readonly Name[];
}

/** Reads a statement written with `:name` for each parameter. */
export function withNames<Name extends string>(text: string): NamedStatement<Name> {
  const names: Name[] = [];
  const sql = text.replaceAll(/:([a-z]\w*)/gi, (_match, name: Name) => {
    names.push(name);
    return "?";
  });
  return Object.freeze({ sql, names });
}

/** Runs a statement with the values of its parameters. */
export function queryNamed<Name extends string>(
  executor: Executor,
  { sql, names }: NamedStatement<Name>,
  values: Readonly<Record<Name, SqlValue>>,
): Promise<readonly Row[]> {
  return executor.query(
    sql,
    names.map((name) => values[name]),
  );
}
