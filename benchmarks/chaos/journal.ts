import { closeSync, fsyncSync, openSync, readdirSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";

/**
 * What a worker process saw with its own eyes. An execution begins (`start`) and ends (`end`); a success was stored (`success`) when the backend says
 * so after it became durable.
 */
export interface JournalEntry {
  readonly type: "start" | "end" | "success";
  readonly taskId: string;
  readonly attempt: number;
  readonly worker: string;
  /** Made anew for every execution, by nobody the store knows of. */
  readonly owner: string;
  readonly atMs: number;
}

/** An append-only file of one worker process, which no queue reads. */
export class Journal implements Disposable {
  readonly #file: number;
  readonly #worker: string;

  constructor(folder: string, worker: string) {
    this.#worker = worker;
    this.#file = openSync(join(folder, `${worker}${SUFFIX}`), "a");
  }

  /** Notes an entry. An `end` is on the disk when this returns. */
  write(entry: Omit<JournalEntry, "worker" | "atMs">): void {
    const line: JournalEntry = { ...entry, worker: this.#worker, atMs: Date.now() };
    writeSync(this.#file, `${JSON.stringify(line)}\n`);
    if (entry.type === "end") fsyncSync(this.#file);
  }

  [Symbol.dispose](): void {
    closeSync(this.#file);
  }
}

const SUFFIX = ".journal";

/** The entries of every worker, in the order of each. */
export function readJournals(folder: string): readonly JournalEntry[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith(SUFFIX))
    .flatMap((name) => {
      const lines = readFileSync(join(folder, name), "utf8").split("\n");
      // What follows the last line break is empty, or was cut off by a kill.
      return lines.slice(0, -1).map((line) => JSON.parse(line) as JournalEntry);
    });
}
