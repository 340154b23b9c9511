/** Tasks that this package's tests run in processes of their own. They write what they do to the file named by `TASKS_JOURNAL`. */
import { appendFileSync, existsSync } from "node:fs";

import { task, type TaskContext } from "@tasks/core";

function note(line: string): void {
  const journal = process.env["TASKS_JOURNAL"];
  if (journal !== undefined) appendFileSync(journal, `${line}\n`);
}

/** Notes that it ran. */
export const mark = task({ name: "rq.mark" }, (label: string): string => {
  note(`${label} ${process.pid}`);
  return label;
});

/** Computes for `ms` without a pause. */
export const compute = task({ name: "rq.compute" }, (label: string, ms: number) => {
  note(`${label} start ${process.pid}`);
  const end = performance.now() + ms;
  while (performance.now() < end);
  note(`${label} end ${process.pid}`);
  return process.pid;
});

/** Blocks the event loop until there is a file. */
export const block = task({ name: "rq.block" }, (label: string, file: string) => {
  note(`${label} start ${process.pid}`);
  const cell = new Int32Array(new SharedArrayBuffer(4));
  while (!existsSync(file)) Atomics.wait(cell, 0, 0, 10);
});

/** Waits for its signal and notes what it says. */
export const heed = task(
  { name: "rq.heed", takesContext: true },
  async (context: TaskContext, label: string) => {
    note(`${label} start ${process.pid}`);
    await new Promise<void>((resolve) => {
      context.signal.addEventListener("abort", () => resolve());
    });
    note(`${label} ${(context.signal.reason as Error).name} ${process.pid}`);
    return null;
  },
);
