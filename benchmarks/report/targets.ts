import type { FigureName, Results } from "./results.ts";

/** What we set out to reach. The run says what it measured, and leaves the verdict to the reader. */
export interface Target {
  readonly title: string;
  readonly goal: string;
  readonly measure: (results: Results) => number | undefined;
}

const OURS = "@tasks/db";

/** Our figure divided by another contender's. */
export function against(peer: string, row: string, title: string, goal: string): Target {
  return quotient({ row, contender: OURS }, { row, contender: peer }, title, goal);
}

/** One figure of ours divided by another. */
export function own(above: string, below: string, title: string, goal: string): Target {
  return quotient({ row: above, contender: OURS }, { row: below, contender: OURS }, title, goal);
}

/** A figure of ours as it is. */
export function plain(row: string, title: string, goal: string): Target {
  return { title, goal, measure: (results) => results.median({ row, contender: OURS }) };
}

/** Processor time of worker and server for one of our jobs, in microseconds. */
export function cpu(row: string, title: string, goal: string): Target {
  const measure = (results: Results): number | undefined => {
    const times = results.cpuUs(row, OURS);
    return times === undefined ? undefined : times.own + times.server;
  };
  return { title, goal, measure };
}

function quotient(above: FigureName, below: FigureName, title: string, goal: string): Target {
  return { title, goal, measure: (results) => results.ratio(above, below) };
}
