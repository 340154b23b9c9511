/** Something that fills a queue on MariaDB or MySQL and empties it: ours, or the plain statements it is compared with. */
export interface Drainer {
  /** Creates its tables, without rows. */
  readonly prepare: () => Promise<void>;
  /** Stores this many jobs. */
  readonly fill: (count: number) => Promise<void>;
  /** Handles jobs until none is left. Resolves with how many. */
  readonly drain: () => Promise<number>;
  readonly close: () => Promise<void>;
}

/** What a process of its own answers when its queue is empty. */
export interface Drained {
  readonly handled: number;
  /** Processor time of the process, in microseconds. */
  readonly cpuUs: number;
}
