/** Where a job is put: the queue that is drained, the same queue a day from now, or a queue that nobody serves. */
export type Destination = "main" | "tomorrow" | "other";

/** A queue under measurement, or the plain statements it is compared with. */
export interface Contender {
  readonly name: string;
  /** How it is set up, in one line of the report. */
  readonly settings: string;
  /** Part of the requested sizes it is given, so that a slow one does not hold up the run: 0…1. */
  readonly share: number;
  /** What scenarios it stays out of begin with, each with the reason. */
  readonly without?: Readonly<Record<string, string>>;
  /** A query whose first column is 1 while a due job of the main queue is not finished, and 0 after. */
  readonly hasOpenJobsSql: string;
  /** A statement that makes history of every job stored so far. */
  readonly finishAllSql: string;
  /** Opens a file, creating what is missing in it. */
  open(file: string): Promise<Queue>;
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
