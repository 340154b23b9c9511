/** Where a job is put: the queue that is drained, the same queue a day from now, or a queue that nobody serves. */
export type Destination = "main" | "tomorrow" | "other";

/** A queue under measurement, or the plain statements it is compared with. */
export interface Contender {
  readonly name: string;
  /** How it is set up, in one line of the report. */
  readonly settings: string;
  /**
   * Part of the requested jobs it is given, 0…1, so that a slow one does not hold up the run: by what names of scenarios begin with, the first that fits
   * counts. Everything where none does.
   */
  readonly share?: Readonly<Record<string, number>>;
  /** What scenarios it stays out of begin with, each with the reason. */
  readonly without?: Readonly<Record<string, string>>;
  /** Shortest and longest pause before an enqueue, where latency is measured, in milliseconds: longer than it sleeps between two looks. @default 10 and 30 */
  readonly pausesMs?: readonly [number, number];
  /** A query whose first column is true while a due job of the main queue is not finished, and false after. */
  readonly hasOpenJobs: string;
  /** A statement that makes history of every job stored so far. */
  readonly finishAll: string;
  /** Opens a place by its address, creating what is missing in it. */
  open(address: string): Promise<Queue>;
}

/** An open queue. A job is a number, unique within a measurement. */
export interface Queue {
  /** Stores one job. Resolves when it is durable. */
  enqueue(job: number): Promise<void>;
  /** Stores many jobs in the fewest steps the contender offers. */
  enqueueMany(jobs: readonly number[], to: Destination): Promise<void>;
  /** Stores jobs of callers that came at the same time, for a contender that cannot tell by itself. */
  enqueueTogether?(jobs: readonly number[]): Promise<void>;
  /** Starts to handle jobs of the main queue; with `oneAtATime` each ends before the next begins. */
  work(handle: (job: number) => Promise<void>, options: WorkOptions): Promise<Work>;
}

export interface WorkOptions {
  readonly oneAtATime: boolean;
}

/** A worker at work. */
export interface Work {
  /** Resolves when nothing is handled any more and every outcome is stored. */
  stop(): Promise<void>;
}
