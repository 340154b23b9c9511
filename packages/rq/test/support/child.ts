/** A worker process: `node child.ts '<json>'`. Says "ready" on standard output, then works until SIGTERM. */
import { configureTasks, taskLog } from "@tasks/core";
import { RQBackend } from "@tasks/rq";

import type { ChildJob } from "./processes.ts";
import "./tasks.ts";

const { backend: backendOptions, worker: options } = JSON.parse(process.argv[2]!) as ChildJob;
taskLog.connect(() => undefined);
const backend = new RQBackend(backendOptions);
configureTasks({ backends: { default: backend } });
const worker = await backend.createWorker({ intervalMs: 50, ...options });
process.on("SIGTERM", () => void worker.stop());
process.stdout.write("ready\n");
await worker.run();
await backend.close();
