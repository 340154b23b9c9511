import { configureTasks, task, taskLog } from "@tasks/core";
import { DatabaseBackend } from "@tasks/db";

import type { Drainer } from "./drainer.ts";

let handled = 0;
/** Does nothing. */
export const noop = task({ name: "noop" }, (_job: number) => void handled++);

/** The backend under measurement, with default settings. */
export function openTasks(url: string): Drainer & { readonly backend: DatabaseBackend } {
  taskLog.connect(() => undefined);
  const backend = new DatabaseBackend({ url, queues: ["default", "other"] });
  configureTasks({ backends: { default: backend } });
  return {
    backend,
    prepare: async () => {
      await backend.migrate({ to: 0 });
      await backend.migrate();
    },
    fill: async (count) => {
      await noop.enqueueMany(Array.from({ length: count }, (_, job) => [job] as const));
    },
    drain: async () => {
      handled = 0;
      const worker = await backend.createWorker({ batch: true });
      await worker.run();
      return handled;
    },
    close: () => backend.close(),
  };
}
