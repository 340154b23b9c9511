import { sql, type RawBuilder, type SqlBool } from "kysely";

import type { SqlValue } from "../connection.ts";
import { idOfRow, seqOf, tailOf } from "./row-ids.ts";

/** The columns an id is stored in: `seq` and the random `id_tail`, or a given id as a whole. See `row-ids.ts`. */
export interface IdColumns {
  readonly id_tail: string | null;
  readonly given_id: string | null;
}

/** @param keepsId the id is to stay as it is. */
export function idColumns(id: string, keepsId: boolean): IdColumns {
  const tail = tailOf(id, keepsId);
  return { id_tail: tail, given_id: tail === null ? id : null };
}

/** The id of a stored row. */
export function idOf(seq: number, { id_tail, given_id }: IdColumns): string {
  return given_id ?? idOfRow(seq, id_tail ?? "");
}

/**
 * A condition that finds the row of an id, in whichever way it is stored. What stands for the id, its row and the id again may be given; parameters are
 * those of `idParams`.
 */
export function hasId(results: string, id = "?", seq = "?"): string {
  return `seq = coalesce((select given.seq from ${results} as given where given.given_id = ${id}), ${seq}) and id = ${id}`;
}

/** Parameters of `hasId`. */
export function idParams(id: string): readonly SqlValue[] {
  return [id, seqOf(id), id];
}

/** A list of ids as one parameter: of each the id and its row. */
export function idList(ids: readonly string[]): string {
  return JSON.stringify(ids.map((id) => [id, seqOf(id)]));
}

/** `hasId` for queries that Kysely builds. */
export function whereId(results: string, id: string): RawBuilder<SqlBool> {
  const text = hasId(results).split("?") as readonly string[] as TemplateStringsArray;
  return sql<SqlBool>(text, ...idParams(id));
}
