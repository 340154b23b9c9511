import type { Destination } from "../contenders/contender.ts";

/** What took place, and what it cost the process. */
export interface Spent {
  /** Wall-clock time. */
  readonly ms: number;
  /** Processor time of the whole process, its threads included. */
  readonly cpuUs: number;
  /** Memory of the process at the end, shared libraries included, in bytes. */
  readonly rssBytes: number;
}

/** What a worker handled between start and stop. */
export interface Handled {
  readonly jobs: readonly number[];
  /** When each began, on the machine's monotonic clock in milliseconds. */
  readonly beganAtMs: readonly number[];
  /** The most jobs in hand at one time. */
  readonly mostAtOnce: number;
  readonly cpuUs: number;
}

/** What a host process can be told, and what it answers. Jobs are numbered from `first`. */
export interface Commands {
  enqueueOneByOne: { input: { first: number; count: number }; output: Spent };
  enqueueTogether: { input: { first: number; count: number; width: number }; output: Spent };
  enqueueBulk: {
    input: { first: number; count: number; size: number; to: Destination };
    output: Spent;
  };
  /** Enqueues single jobs with pauses in between; answers with the moment before each enqueue. */
  enqueuePaced: {
    input: { first: number; count: number; pausesMs: readonly number[] };
    output: readonly number[];
  };
  startWork: { input: { oneAtATime: boolean }; output: null };
  /** Lets time pass, in milliseconds. */
  rest: { input: { ms: number }; output: Spent };
  stopWork: { input: null; output: Handled };
}

export type CommandName = keyof Commands;

/** One command on its way to a host process. */
export interface Request {
  readonly name: CommandName;
  readonly input: unknown;
}

/** What a host process sends: its answer, or how many jobs its worker has handled so far. */
export type Message =
  | { readonly type: "ready" }
  | { readonly type: "answer"; readonly output: unknown }
  | { readonly type: "failed"; readonly error: string }
  | { readonly type: "progress"; readonly handled: number };

/** The machine's monotonic clock, the same in every process, in milliseconds. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
