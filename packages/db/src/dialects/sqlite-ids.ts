import { sql, type RawBuilder, type SqlBool } from "kysely";

import type { SqlValue } from "../connection.ts";

/** Digits of an id that hold the number of its row. */
const SEQ_DIGITS = 12;
const OWN_ID = /^[0-9a-f]{32}$/;

/**
 * The columns an id is stored in. An index of ids would cost a quarter of an enqueue, so ids of ours hold the number of their row: its `seq` in twelve
 * hexadecimal digits, then the random `id_tail`. They sort by enqueue order. Ids of the user's making are stored whole, and have an index.
 */
export interface IdColumns {
  readonly id_tail: string | null;
  readonly given_id: string | null;
}

/** @param keepsId the id is to stay as it is. */
export function idColumns(id: string, keepsId: boolean): IdColumns {
  return keepsId || !OWN_ID.test(id)
    ? { id_tail: null, given_id: id }
    : { id_tail: id.slice(SEQ_DIGITS), given_id: null };
}

/** The id of a stored row. */
export function idOf(seq: number, { id_tail, given_id }: IdColumns): string {
  return given_id ?? seq.toString(16).padStart(SEQ_DIGITS, "0") + id_tail;
}

/** The row that an id of ours names; −1, which no row has, for other ids. */
function seqOf(id: string): number {
  return OWN_ID.test(id) ? Number.parseInt(id.slice(0, SEQ_DIGITS), 16) : -1;
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
