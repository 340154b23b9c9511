import type { Contender } from "../contenders/contender.ts";
import type { Sizes } from "../options.ts";

/** One figure a scenario yields. */
export interface Row {
  readonly id: string;
  readonly title: string;
  /** Jobs per second, milliseconds, or milliseconds of processor time per second. */
  readonly unit: "/s" | "ms" | "ms/s";
}

/** A figure and what it cost. */
export interface Figure {
  readonly value: number;
  /** Processor time of all processes per job, in microseconds. */
  readonly cpuUs?: number | undefined;
}

/** What a scenario runs with. */
export interface Setting {
  readonly contender: Contender;
  readonly sizes: Sizes;
  /** Where database files go. */
  readonly folder: string;
}

/** Something to measure: run once per contender and round, each time on a fresh file in fresh processes. */
export interface Scenario {
  readonly name: string;
  readonly rows: readonly Row[];
  /** Gives a figure for each row, by its id. */
  run(setting: Setting): Promise<Readonly<Record<string, Figure>>>;
  /** Removes what was kept between runs. */
  dispose?(): Promise<void>;
}

/** The part of a size that a contender is given: at least one. */
export function shareOf(contender: Contender, size: number): number {
  return Math.max(1, Math.round(size * contender.share));
}
