/** A worker process: `node child.ts '<json>'`. Says "ready" on standard output, then works until SIGTERM. */
import { configureTasks, taskLog } from "@tasks/core";
import { RQBackend, type RedisClient } from "@tasks/rq";
import { Cluster, Redis } from "ioredis";

import type { ChildJob } from "./processes.ts";
import "./tasks.ts";

const {
  backend: backendOptions,
  worker: options,
  client,
} = JSON.parse(process.argv[2]!) as ChildJob;
taskLog.connect(() => undefined);
const connection = client === undefined ? undefined : open(client);
const backend = new RQBackend({ ...backendOptions, connection });
configureTasks({ backends: { default: backend } });
const worker = await backend.createWorker({ intervalMs: 50, ...options });
process.on("SIGTERM", () => void worker.stop());
process.stdout.write("ready\n");
await worker.run();
await backend.close();
connection?.disconnect();

function open(clientOptions: NonNullable<ChildJob["client"]>): RedisClient {
  const opened =
    "nodes" in clientOptions
      ? new Cluster([...clientOptions.nodes], { slotsRefreshTimeout: 5000 })
      : new Redis(clientOptions);
  return opened.on("error", () => undefined);
}
