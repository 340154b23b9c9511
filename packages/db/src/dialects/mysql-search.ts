import type { ClaimRequest } from "@tasks/core/worker";

import type { Executor, Row, SqlValue } from "../connection.ts";
import type { Scope } from "../dialect.ts";
import { toNumber, toText } from "../rows.ts";
import type { TableNames } from "../tables.ts";
import { nameSet } from "./mysql-names.ts";
import { mysqlStatements } from "./mysql-statements.ts";

/** One of the selects of a statement, with its parameters. */
type Part = readonly [sql: string, params: readonly SqlValue[]];

/** What a search is to find: the best due rows, or of each queue and priority the first row, with the time until it is due. */
export type Wanted = "rows" | "first";

/** Where to search: in these queues, or in all but those to leave out. */
export interface Place {
  readonly queues: readonly string[] | null;
  readonly barred: readonly string[];
}

/** Below and above every place. */
const LOWEST = -101;
const HIGHEST = 101;
/** Above every name of a queue. */
const LAST_NAME = "~";
/** With more queues than this, the order of all queues is searched where some are left out. */
const FEW_QUEUES = 64;

/**
 * What was found so far in a backend, by table and alias: places are negated priorities. MySQL cannot leap from one value of an index to the next in one
 * statement, but it finds at once that there is none between two that are known.
 */
class Known {
  readonly places = new Set<number>();
  readonly queues = new Set<string>();
}

const known = new Map<string, Known>();

function knownOf({ tables, backend }: Scope): Known {
  const key = `${tables.results} ${backend}`;
  let found = known.get(key);
  if (found === undefined) known.set(key, (found = new Known()));
  return found;
}

/** Decides where to search for rows of a request. */
export async function placeOf(
  executor: Executor,
  scope: Scope,
  { queueNames, excludeQueues }: ClaimRequest,
): Promise<Place> {
  if (!queueNames.includes("*")) return { queues: [...new Set(queueNames)], barred: [] };
  const { pausedQueues } = mysqlStatements(scope.tables);
  const paused = await executor.query(pausedQueues, [scope.backend]);
  const barred = [...excludeQueues, ...paused.map((row) => toText(row["name"]))];
  if (barred.length === 0) return { queues: null, barred };
  // Rows of all queues are in one order, where many of a paused queue may be in front; a search by queue has to visit every queue.
  const queues = await queuesOf(executor, scope);
  return queues.length > FEW_QUEUES
    ? { queues: null, barred: excludeQueues }
    : { queues: queues.filter((name) => !barred.includes(name)), barred: [] };
}

/** Names of the queues with rows that wait, and of some that had them; not all of them where they are many. */
async function queuesOf(executor: Executor, scope: Scope): Promise<readonly string[]> {
  const { betweenQueues } = mysqlStatements(scope.tables);
  const { queues } = knownOf(scope);
  for (;;) {
    if (queues.size > FEW_QUEUES) return [...queues];
    const gaps = gapsOf(["", ...[...queues].toSorted(), LAST_NAME]);
    const parts = [1, 2].flatMap((phase) =>
      gaps.map((gap): Part => [betweenQueues, [scope.backend, phase, ...gap]]),
    );
    const rows = await queryParts(executor, parts);
    if (rows.length === 0) return [...queues];
    for (const row of rows) queues.add(toText(row["name"]));
  }
}

/** Finds rows: `lane`, `seq`, `priority`, and `due` or the milliseconds until then. In no order. */
export async function searchRows(
  executor: Executor,
  scope: Scope,
  place: Place,
  wanted: { readonly what: Wanted; readonly taskNames: readonly string[]; readonly limit: number },
): Promise<readonly Row[]> {
  if (place.queues?.length === 0) return [];
  const { places } = knownOf(scope);
  for (;;) {
    const parts = [
      ...rowParts(scope, place, [...places], wanted),
      ...gapParts(scope, place, [...places]),
    ];
    const rows = await queryParts(executor, parts);
    const others = rows.filter((row) => row["seq"] === null);
    if (others.length === 0) return rows;
    notePlaces(
      scope,
      others.map((row) => toNumber(row["priority"])),
    );
  }
}

/** What one search consists of: the rows to find, and the places that are not known. */
export interface Search {
  readonly rows: { readonly sql: string; readonly params: readonly SqlValue[] };
  readonly gaps: { readonly sql: string; readonly params: readonly SqlValue[] };
}

/** The parts of a search for the best due rows; `undefined` where no place is known to search at. */
export function searchOf(
  scope: Scope,
  place: Place,
  wanted: { readonly taskNames: readonly string[]; readonly limit: number },
): Search | undefined {
  const places = [...knownOf(scope).places];
  const rows = rowParts(scope, place, places, { what: "rows", ...wanted });
  if (place.queues?.length === 0 || rows.length === 0) return undefined;
  return { rows: joined(rows), gaps: joined(gapParts(scope, place, places)) };
}

/** Notes places that a search has found. */
export function notePlaces(scope: Scope, priorities: readonly number[]): void {
  const { places } = knownOf(scope);
  for (const priority of priorities) places.add(-priority);
}

/** Names of due tasks that are not among these. */
export async function searchUnknown(
  executor: Executor,
  scope: Scope,
  place: Place,
  taskNames: readonly string[],
): Promise<readonly string[]> {
  if (place.queues?.length === 0) return [];
  // Finds the places, too.
  await searchRows(executor, scope, place, { what: "first", taskNames, limit: 1 });
  const { unknownReady, unknownDue, unknownOfAll } = mysqlStatements(scope.tables);
  const { backend } = scope;
  const names = nameSet(taskNames);
  const places = [...knownOf(scope).places];
  const { queues, barred } = place;
  const parts: Part[] =
    queues === null
      ? places.map((at) => [unknownOfAll, [backend, at, backend, nameSet(barred), names]])
      : [
          [unknownReady(queues.length), [backend, ...queues, names]],
          ...queues.flatMap((queue) =>
            places.map((at): Part => [unknownDue, [backend, queue, at, names]]),
          ),
        ];
  const rows = await queryParts(executor, parts);
  return [...new Set(rows.map((row) => toText(row["task_name"])))].slice(0, 10);
}

function rowParts(
  { tables, backend }: Scope,
  { queues, barred }: Place,
  places: readonly number[],
  { what, taskNames, limit }: Parameters<typeof searchRows>[3],
): readonly Part[] {
  const { ready, due, all } = selectsOf(tables, what);
  const names = nameSet(taskNames);
  if (queues === null) {
    return places.map((at) => [all, [backend, at, names, backend, nameSet(barred), limit]]);
  }
  return queues.flatMap((queue): readonly Part[] => [
    [ready, [backend, queue, names, backend, queue, limit]],
    ...places.map((at): Part => [due, [backend, queue, at, names, backend, queue, limit]]),
  ]);
}

function selectsOf(
  tables: TableNames,
  what: Wanted,
): { readonly ready: string; readonly due: string; readonly all: string } {
  const { readyRows, dueRows, allRows, firstReady, firstDue, firstOfAll } = mysqlStatements(tables);
  return what === "rows"
    ? { ready: readyRows, due: dueRows, all: allRows }
    : { ready: firstReady, due: firstDue, all: firstOfAll };
}

/** Searches for rows at places that are not known. */
function gapParts(
  { tables, backend }: Scope,
  { queues }: Place,
  places: readonly number[],
): readonly Part[] {
  const { betweenPlaces, betweenPlacesOfAll } = mysqlStatements(tables);
  const gaps = gapsOf([LOWEST, ...places.toSorted((a, b) => a - b), HIGHEST]);
  return queues === null
    ? gaps.map((gap) => [betweenPlacesOfAll, [backend, ...gap]])
    : gaps.map((gap) => [betweenPlaces(queues.length), [backend, ...queues, ...gap]]);
}

/** The pairs of neighbours in a list. */
function gapsOf<T>(values: readonly T[]): readonly (readonly [T, T])[] {
  return values.slice(1).map((value, index) => [values[index]!, value]);
}

async function queryParts(executor: Executor, parts: readonly Part[]): Promise<readonly Row[]> {
  // Where nothing was ever stored, there is no place to search.
  if (parts.length === 0) return [];
  const { sql, params } = joined(parts);
  return executor.query(sql, params);
}

function joined(parts: readonly Part[]): Search["rows"] {
  return {
    sql: parts.map(([sql]) => sql).join(" union all "),
    params: parts.flatMap(([, params]) => params),
  };
}
