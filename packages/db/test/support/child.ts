/** A process of its own: `node child.ts '<json>'`. Says "ready" on standard output, then does what it was told; ends with what came of it as JSON. */
import { configureTasks, taskLog } from "@tasks/core";
import { DatabaseBackend } from "@tasks/db";

import type { BackendCall, ChildJob } from "./processes.ts";
import { mark, single } from "./tasks.ts";

const { job, options, calls, ...source } = JSON.parse(process.argv[2]!) as ChildJob;
taskLog.connect(() => undefined);
const backend = new DatabaseBackend(source);
configureTasks({ backends: { default: backend } });

function say(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

async function isAnswered(): Promise<boolean> {
  return backend.counts().then(
    () => true,
    () => false,
  );
}

const CALLS: Readonly<Record<BackendCall, () => Promise<unknown>>> = {
  check: () => backend.check(),
  plan: () => backend.planMigration(),
  migrate: () => backend.migrate(),
  down: () => backend.migrate({ to: 0 }),
  enqueue: () => mark.enqueue("called"),
  counts: () => backend.counts(),
  work: async () => (await backend.createWorker({ batch: true })).run(),
};

switch (job) {
  case "work": {
    const worker = await backend.createWorker({ intervalMs: 50, ...options });
    process.on("SIGTERM", () => void worker.stop());
    say("ready");
    await worker.run();
    break;
  }
  case "migrate":
    say(await backend.migrate());
    break;
  case "enqueue":
    say("ready");
    for (let index = 0; index < (options?.maxTasks ?? 0); index++) {
      await mark.enqueue(`${process.pid}-${index}`);
    }
    break;
  case "count":
    // Until one is not answered.
    await backend.counts();
    say("ready");
    while (await isAnswered());
    break;
  case "calls":
    for (const call of calls ?? []) await CALLS[call]().catch(() => undefined);
    await backend.close();
    say("closed");
    break;
  case "unique": {
    const results = await Promise.all(Array.from({ length: 25 }, () => single.enqueue("only")));
    say(results.map(({ id, deduplicated }) => ({ id, deduplicated })));
    break;
  }
}
await backend.close();
