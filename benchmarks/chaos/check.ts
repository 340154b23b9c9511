import type { TaskStatus } from "@tasks/core";

import { percentile } from "../report/statistics.ts";
import type { JournalEntry } from "./journal.ts";
import type { Kill } from "./workers.ts";

/** What is known after a run. */
export interface Evidence {
  /** Ids whose enqueue was acknowledged. */
  readonly acknowledged: readonly string[];
  /** What the store says of each. */
  readonly statuses: ReadonlyMap<string, TaskStatus>;
  readonly entries: readonly JournalEntry[];
  readonly kills: readonly Kill[];
}

/** What became of a run's tasks. */
export interface Findings {
  /** Acknowledged, and neither successful nor failed. */
  readonly lost: readonly string[];
  /** Ended FAILED, though no task fails. */
  readonly failed: readonly string[];
  /** More than one success was accepted. */
  readonly doubleSuccesses: readonly string[];
  /** SUCCESSFUL, though no execution ended. */
  readonly unexplained: readonly string[];
  /** Tasks by how often they were begun. */
  readonly executions: ReadonlyMap<number, number>;
  /** From each kill to the moment a task begun by the victim ran elsewhere, in milliseconds. */
  readonly recoveryMs: { readonly count: number; readonly p50: number; readonly p99: number };
}

/** Judges a run by the journals, which the queue knows nothing of. */
export function check({ acknowledged, statuses, entries, kills }: Evidence): Findings {
  const starts = groupByTask(entries, "start");
  const ends = groupByTask(entries, "end");
  const successes = groupByTask(entries, "success");
  const recoveries = recoveryTimes(starts, ends, kills);
  return {
    lost: acknowledged.filter((id) => !isFinal(statuses.get(id))),
    failed: acknowledged.filter((id) => statuses.get(id) === "FAILED"),
    doubleSuccesses: acknowledged.filter((id) => (successes.get(id)?.length ?? 0) > 1),
    unexplained: acknowledged.filter((id) => statuses.get(id) === "SUCCESSFUL" && !ends.has(id)),
    executions: histogram(acknowledged.map((id) => starts.get(id)?.length ?? 0)),
    recoveryMs: {
      count: recoveries.length,
      p50: percentile(recoveries, 0.5),
      p99: percentile(recoveries, 0.99),
    },
  };
}

/** Nothing happened that must not. */
export function isSound({ lost, failed, doubleSuccesses, unexplained }: Findings): boolean {
  return [lost, failed, doubleSuccesses, unexplained].every((ids) => ids.length === 0);
}

function recoveryTimes(
  starts: ReadonlyMap<string, readonly JournalEntry[]>,
  ends: ReadonlyMap<string, readonly JournalEntry[]>,
  kills: readonly Kill[],
): readonly number[] {
  const killedAtMs = new Map(kills.map(({ worker, atMs }) => [worker, atMs]));
  const times: number[] = [];
  for (const [id, executions] of starts) {
    const ended = new Set(ends.get(id)?.map(({ owner }) => owner));
    for (const { worker, owner } of executions) {
      const atMs = killedAtMs.get(worker);
      if (atMs === undefined || ended.has(owner)) continue;
      const next = executions.find((other) => other.worker !== worker && other.atMs >= atMs);
      if (next !== undefined) times.push(next.atMs - atMs);
    }
  }
  return times;
}

function groupByTask(
  entries: readonly JournalEntry[],
  type: JournalEntry["type"],
): ReadonlyMap<string, readonly JournalEntry[]> {
  const groups = new Map<string, JournalEntry[]>();
  for (const entry of entries) {
    if (entry.type !== type) continue;
    const group = groups.get(entry.taskId) ?? [];
    group.push(entry);
    groups.set(entry.taskId, group);
  }
  for (const group of groups.values()) group.sort((a, b) => a.atMs - b.atMs);
  return groups;
}

function histogram(values: readonly number[]): ReadonlyMap<number, number> {
  const counts = new Map<number, number>();
  for (const value of values.toSorted((a, b) => a - b)) {
    counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  return counts;
}

function isFinal(status: TaskStatus | undefined): boolean {
  return status === "SUCCESSFUL" || status === "FAILED";
}
