import type { FigureName, Results } from "./results.ts";

/** What we set out to reach. The run says what it measured, and leaves the verdict to the reader. */
export interface Target {
  readonly title: string;
  readonly goal: string;
  readonly measure: (results: Results) => number | undefined;
}

/** Makes targets for a contender that is ours. */
export interface Targets {
  /** Our figure divided by another contender's. */
  readonly against: (peer: string, row: string, title: string, goal: string) => Target;
  /** One figure of ours divided by another. */
  readonly own: (above: string, below: string, title: string, goal: string) => Target;
  /** A figure of ours as it is. */
  readonly plain: (row: string, title: string, goal: string) => Target;
  /** Processor time of worker and server for one of our jobs, in microseconds. */
  readonly cpu: (row: string, title: string, goal: string) => Target;
}

/** Makes targets for the contender of this name. */
export function targetsOf(ours: string): Targets {
  return {
    against: (peer, row, title, goal) =>
      quotient({ row, contender: ours }, { row, contender: peer }, title, goal),
    own: (above, below, title, goal) =>
      quotient({ row: above, contender: ours }, { row: below, contender: ours }, title, goal),
    plain: (row, title, goal) => ({
      title,
      goal,
      measure: (results) => results.median({ row, contender: ours }),
    }),
    cpu: (row, title, goal) => ({
      title,
      goal,
      measure: (results) => {
        const times = results.cpuUs(row, ours);
        return times === undefined ? undefined : times.own + times.server;
      },
    }),
  };
}

function quotient(above: FigureName, below: FigureName, title: string, goal: string): Target {
  return { title, goal, measure: (results) => results.ratio(above, below) };
}
