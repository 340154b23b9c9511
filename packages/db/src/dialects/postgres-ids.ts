import { sql, type RawBuilder, type SqlBool } from "kysely";

import type { SqlValue } from "../connection.ts";
import type { Scope } from "../dialect.ts";
import { postgresNames } from "./postgres-names.ts";
import { seqOf } from "./row-ids.ts";

/** Finds a backend's row by its id: by the number in it (see `row-ids.ts`), or in the index of given ids. All are SQL, and `results` is a quoted name. */
export function hasId(results: string, id: string, seq: string, backend: string): string {
  return `seq = ${rowOf(results, id, seq, backend)} and id = ${id} and backend = ${backend}`;
}

/** The same for a list of ids, and one of the rows they name. */
export function hasIdOf(results: string, ids: string, seqs: string, backend: string): string {
  return `seq = any(array(select ${rowOf(results, "asked.id", "asked.seq", backend)}
    from unnest(${ids}::text::text[], ${seqs}::text::bigint[]) as asked(id, seq)))
  and id = any(array(select unnest(${ids}::text::text[]))) and backend = ${backend}`;
}

/** `hasId` for queries that Kysely builds. */
export function whereId({ tables, backend }: Scope, id: string): RawBuilder<SqlBool> {
  const { results } = postgresNames(tables);
  const text = hasId(results, "?", "?", "?").split("?");
  const parts = text as readonly string[] as TemplateStringsArray;
  return sql<SqlBool>(parts, backend, id, seqOf(id), id, backend);
}

/** The parameters of `hasId`. */
export function idParams(id: string): readonly [id: string, seq: SqlValue] {
  return [id, seqOf(id)];
}

/** The rows that ids name, as a list parameter. */
export function seqArray(ids: readonly string[]): string {
  return `{${ids.map(seqOf).join(",")}}`;
}

function rowOf(results: string, id: string, seq: string, backend: string): string {
  return `coalesce((select given.seq from ${results} as given where given.has_given_id and given.backend = ${backend} and given.id = ${id}), ${seq})`;
}
