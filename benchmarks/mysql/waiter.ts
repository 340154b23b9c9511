/** A process of its own: `node waiter.ts <url>`. A worker that mostly waits; says what a second of that costs when asked. */
import { setTimeout as sleep } from "node:timers/promises";

import { openTasks } from "./tasks.ts";

const { backend } = openTasks(process.argv[2] ?? "");
const worker = await backend.createWorker();
const running = worker.run();

process.on("message", () => void answer());
process.on("disconnect", () => void stop());
await sleep(500);
process.send?.("ready");

async function answer(): Promise<void> {
  const before = process.cpuUsage();
  const startedAtMs = performance.now();
  await sleep(2000);
  const { user, system } = process.cpuUsage(before);
  process.send?.((user + system) / (performance.now() - startedAtMs));
}

async function stop(): Promise<void> {
  await worker.stop();
  await running;
  await backend.close();
  process.exit();
}
