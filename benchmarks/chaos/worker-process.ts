/** A worker of a chaos run: the real one, with a journal beside. Stops on SIGTERM. */
import { configureTasks, taskFinished, taskLog, taskStarted } from "@tasks/core";

import { useJournal } from "./chaos-task.ts";
import { Journal } from "./journal.ts";
import { createChaosBackend } from "./stores/index.ts";
import type { StoreOptions } from "./stores/store.ts";

/** What a worker process is started with, as JSON. */
export interface WorkerProcessOptions extends StoreOptions {
  readonly folder: string;
  readonly worker: string;
}

const options = JSON.parse(process.argv[2] ?? "") as WorkerProcessOptions;
using journal = new Journal(options.folder, options.worker);
useJournal(journal);
taskFinished.connect(({ taskResult }) => {
  const { id, status, attempts } = taskResult;
  if (status !== "SUCCESSFUL") return;
  journal.write({ type: "success", taskId: id, attempt: attempts, owner: "" });
});
taskLog.connect(({ level, message, error }) => {
  if (level === "error") console.error(message, error ?? "");
});

const stopWatching = taskStarted.connect(() => {
  stopWatching();
  process.send?.("working");
});

await using backend = createChaosBackend(options);
configureTasks({ backends: { default: backend } });
const worker = await backend.createWorker({ workerId: options.worker });
process.once("SIGTERM", () => void worker.stop());
process.once("disconnect", abandon);
process.send?.("ready");
await worker.run();
process.off("disconnect", abandon);

/** The run itself was killed: nobody would ever stop this process. */
function abandon(): void {
  process.exit(1);
}
