import type { Figure } from "../scenarios/scenario.ts";
import { median } from "./statistics.ts";

/** Figures by row and contender, one for each round. */
export class Results {
  readonly #figures = new Map<string, Figure[]>();

  add(row: string, contender: string, figure: Figure): void {
    const key = keyOf(row, contender);
    const figures = this.#figures.get(key) ?? [];
    figures.push(figure);
    this.#figures.set(key, figures);
  }

  /** The value of every round. */
  values(row: string, contender: string): readonly number[] {
    return this.#of(row, contender).map(({ value }) => value);
  }

  /** The median over the rounds; `undefined` where nothing was measured. */
  median({ row, contender }: FigureName): number | undefined {
    const values = this.values(row, contender);
    return values.length === 0 ? undefined : median(values);
  }

  /** Median processor time per job in microseconds, of the contender's processes and of the server; `undefined` where none was measured. */
  cpuUs(row: string, contender: string): { own: number; server: number } | undefined {
    const figures = this.#of(row, contender).filter(({ cpuUs }) => cpuUs !== undefined);
    if (figures.length === 0) return undefined;
    return {
      own: median(figures.map(({ cpuUs = 0 }) => cpuUs)),
      server: median(figures.map(({ serverCpuUs = 0 }) => serverCpuUs)),
    };
  }

  /** One figure divided by another of the same round, as the median over the rounds; `undefined` where one of them is missing. */
  ratio(above: FigureName, below: FigureName): number | undefined {
    const dividends = this.values(above.row, above.contender);
    const divisors = this.values(below.row, below.contender);
    const ratios = dividends.flatMap((value, round) => {
      const divisor = divisors[round];
      return divisor === undefined ? [] : [value / divisor];
    });
    return ratios.length === 0 ? undefined : median(ratios);
  }

  #of(row: string, contender: string): readonly Figure[] {
    return this.#figures.get(keyOf(row, contender)) ?? [];
  }
}

/** Which figure is meant. */
export interface FigureName {
  readonly row: string;
  readonly contender: string;
}

function keyOf(row: string, contender: string): string {
  return `${row} ${contender}`;
}
