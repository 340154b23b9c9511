import { fork } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { noop, type openTasks } from "./tasks.ts";

const SAMPLES = 200;

/** How soon an idle worker of another process begins a task, and what it costs to wait for it. */
export async function measureLatency(
  url: string,
  { prepare, backend }: ReturnType<typeof openTasks>,
): Promise<readonly string[]> {
  await prepare();
  const script = fileURLToPath(new URL("waiter.ts", import.meta.url));
  const worker = fork(script, [url]);
  await once(worker, "message");
  const lines: string[] = [];
  const ids: string[] = [];
  for (let sample = 0; sample < SAMPLES; sample++) {
    await sleep(10 + Math.random() * 20);
    ids.push((await noop.enqueue(sample)).id);
  }
  await sleep(500);
  const latencies: number[] = [];
  for (const id of ids.slice(SAMPLES / 10)) {
    const record = await backend.readRecord(id);
    latencies.push(record!.startedAt!.getTime() - record!.enqueuedAt.getTime());
  }
  latencies.sort((a, b) => a - b);
  const at = (part: number): number => latencies[Math.floor(latencies.length * part)]!;
  lines.push(
    `idle latency across processes, by the server's clock: p50 ${at(0.5)} ms, p95 ${at(0.95)} ms, p99 ${at(0.99)} ms`,
  );
  for (const [when, afterMs] of [
    ["right after work", 0],
    ["after ten seconds", 10_000],
  ] as const) {
    await sleep(afterMs);
    worker.send("rest");
    const [cpuMsPerSecond] = (await once(worker, "message")) as [number];
    lines.push(`CPU of an idle worker ${when}: ${cpuMsPerSecond.toFixed(1)} ms per second`);
  }
  worker.disconnect();
  await once(worker, "exit");
  return lines;
}
