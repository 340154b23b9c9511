import { between, type Random } from "./random.ts";

/**
 * - `kill`: a worker is killed.
 * - `stall`: a worker is frozen for longer than its lease.
 * - `crash`: the server is killed, and started again.
 * - `cut`: the network is cut.
 */
export type FaultKind = "kill" | "stall" | "crash" | "cut";

/** One fault to come. */
export interface Fault {
  readonly kind: FaultKind;
  /** When, counted from the start, in milliseconds. */
  readonly atMs: number;
  /** Decides who is hit. */
  readonly victim: number;
  /** Decides how hard, from 0 to 1. */
  readonly force: number;
}

/** How many faults of which kind. */
export interface PlanOptions {
  readonly durationMs: number;
  /** Time from one kill to the next, on average, in milliseconds. */
  readonly everyMs: number;
  readonly stalls: number;
  readonly crashes: number;
  readonly cuts: number;
}

/** Lays all faults down before the first: what happens then changes nothing about them. */
export function planFaults(
  random: Random,
  { durationMs, everyMs, stalls, crashes, cuts }: PlanOptions,
): readonly Fault[] {
  const spread = (kind: FaultKind, count: number): readonly Fault[] =>
    Array.from({ length: count }, (_, index) => ({
      kind,
      // One in each stretch of its own, so that they do not all come at once.
      atMs: ((index + random()) * durationMs) / count,
      victim: random(),
      force: random(),
    }));
  const kills: Fault[] = [];
  let atMs = 0;
  for (;;) {
    atMs += between(random, everyMs / 2, everyMs * 1.5);
    if (atMs >= durationMs) break;
    kills.push({ kind: "kill", atMs, victim: random(), force: random() });
  }
  return [
    ...kills,
    ...spread("stall", stalls),
    ...spread("crash", crashes),
    ...spread("cut", cuts),
  ].sort((a, b) => a.atMs - b.atMs);
}
