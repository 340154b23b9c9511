import type { Contender } from "../contenders/contender.ts";
import type { Store } from "../contenders/store.ts";
import type { Places } from "../harness/place.ts";
import type { Sizes } from "../options.ts";

/** One figure a scenario yields. */
export interface Row {
  readonly id: string;
  readonly title: string;
  /** Jobs per second, milliseconds, milliseconds of processor time per second, or 10^6 bytes. */
  readonly unit: "/s" | "ms" | "ms/s" | "MB";
}

/** A figure and what it cost. */
export interface Figure {
  readonly value: number;
  /** Processor time of the contender's processes per job, in microseconds. */
  readonly cpuUs?: number | undefined;
  /** Processor time of the store's server per job, in microseconds. */
  readonly serverCpuUs?: number | undefined;
}

/** What a scenario runs with. */
export interface Setting {
  readonly store: Store;
  readonly contender: Contender;
  readonly places: Places;
  readonly sizes: Sizes;
}

/** Something to measure: run once per contender and round, each time in a fresh place with fresh processes. */
export interface Scenario {
  readonly name: string;
  readonly rows: readonly Row[];
  /** Gives a figure for each row, by its id. */
  run(setting: Setting): Promise<Readonly<Record<string, Figure>>>;
}

/** The part of a size that a contender is given in a scenario: at least one. */
export function shareOf({ share = {} }: Contender, scenario: string, size: number): number {
  const fitting = Object.entries(share).find(([begin]) => scenario.startsWith(begin));
  return Math.max(1, Math.round(size * (fitting?.[1] ?? 1)));
}
