import { sql, type RawBuilder, type SqlBool } from "kysely";

import type { SqlValue } from "../connection.ts";
import type { Scope } from "../dialect.ts";
import { seqOf } from "./row-ids.ts";

/**
 * A condition that finds a backend's row by its id, in whichever way it is stored: by its number and the random `id_tail`, or as a given id. What stands
 * for the id and its row may be given; parameters are those of `idParams`.
 */
export function hasId(results: string, id = "?", seq = "?", backend = "?"): string {
  return `seq = coalesce((select given.seq from ${results} as given where given.given_id = ${id} and given.backend = ${backend}), ${seq}) and id = ${id} and backend = ${backend}`;
}

/** Parameters of `hasId`. */
export function idParams({ backend }: Scope, id: string): readonly SqlValue[] {
  return [id, backend, seqOf(id), id, backend];
}

/** A list of ids as one parameter: of each the id and its row. */
export function idList(ids: readonly string[]): string {
  return JSON.stringify(ids.map((id) => [id, seqOf(id)]));
}

/** `hasId` for queries that Kysely builds. */
export function whereId(scope: Scope, id: string): RawBuilder<SqlBool> {
  const text = hasId(scope.tables.results).split("?");
  const parts = text as readonly string[] as TemplateStringsArray;
  return sql<SqlBool>(parts, ...idParams(scope, id));
}
