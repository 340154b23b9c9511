import { readdirSync, readFileSync } from "node:fs";

/** What Linux counts processor time in, in microseconds. */
const TICK_US = 10_000;

/** Fields of `/proc/<pid>/stat` after the command's name, which may hold spaces. */
const PARENT = 1;
const USER = 11;
const SYSTEM = 12;
const CHILDREN_USER = 13;
const CHILDREN_SYSTEM = 14;

/** The process that started a process. */
export function parentOf(pid: number): number {
  return statOf(pid)?.[PARENT] ?? 0;
}

/** Processor time of a process and its children, those that ended included, in microseconds. */
export function familyCpuUs(pid: number): number {
  for (;;) {
    const before = childrenTicks(pid);
    let ticks = 0;
    for (const name of readdirSync("/proc")) {
      const stat = /^\d+$/.test(name) ? statOf(Number(name)) : undefined;
      if (stat?.[PARENT] === pid) ticks += stat[USER]! + stat[SYSTEM]!;
    }
    const own = statOf(pid);
    if (own === undefined) return Number.NaN;
    // A child that ended meanwhile may be in both sums or in none.
    if (childrenTicks(pid) === before)
      return (ticks + own[USER]! + own[SYSTEM]! + before) * TICK_US;
  }
}

/** Ticks of a process's children that ended. */
function childrenTicks(pid: number): number {
  const stat = statOf(pid);
  return stat === undefined ? 0 : stat[CHILDREN_USER]! + stat[CHILDREN_SYSTEM]!;
}

/** `undefined` where there is no such process, or no such file. */
function statOf(pid: number): readonly number[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    return text
      .slice(text.lastIndexOf(")") + 2)
      .split(" ")
      .map(Number);
  } catch {
    return undefined;
  }
}
