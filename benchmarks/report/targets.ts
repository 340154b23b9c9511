import type { FigureName, Results } from "./results.ts";

/** What we set out to reach. The run says what it measured, and leaves the verdict to the reader. */
export interface Target {
  readonly title: string;
  readonly goal: string;
  readonly measure: (results: Results) => number | undefined;
}

const OURS = "@tasks/db";
const PLAINJOB = "plainjob 0.0.14";
const LIMIT = "plain node:sqlite";

export const sqliteTargets: readonly Target[] = [
  against(PLAINJOB, "drain-1", "drain ÷ plainjob", "≥ 3"),
  own("drain-2", "drain-1", "drain, 2 processes ÷ 1", "≥ 1"),
  against(PLAINJOB, "enqueue-sequential", "enqueue, one after another ÷ plainjob", "≥ 1"),
  against(PLAINJOB, "enqueue-64", "enqueue, 64 at a time ÷ plainjob", "≥ 2"),
  against(PLAINJOB, "enqueue-bulk", "enqueue, bulk ÷ plainjob", "≥ 1"),
  milliseconds("latency-within-p50", "idle latency in one process, p50, ms", "≤ 2.9"),
  milliseconds("latency-across-p50", "idle latency across processes, p50, ms", "≤ 10"),
  against(LIMIT, "drain-1", "drain ÷ limit", "–"),
  own("backlog-finished", "drain-1", "drain beside finished rows ÷ empty", "–"),
  own("backlog-tomorrow", "drain-1", "drain beside rows due tomorrow ÷ empty", "–"),
  own("backlog-other", "drain-1", "drain beside another queue ÷ empty", "–"),
];

function against(peer: string, row: string, title: string, goal: string): Target {
  return quotient({ row, contender: OURS }, { row, contender: peer }, title, goal);
}

function own(above: string, below: string, title: string, goal: string): Target {
  return quotient({ row: above, contender: OURS }, { row: below, contender: OURS }, title, goal);
}

function quotient(above: FigureName, below: FigureName, title: string, goal: string): Target {
  return { title, goal, measure: (results) => results.ratio(above, below) };
}

function milliseconds(row: string, title: string, goal: string): Target {
  return { title, goal, measure: (results) => results.median({ row, contender: OURS }) };
}
