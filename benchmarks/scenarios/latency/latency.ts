import { temporaryFile } from "../../harness/file.ts";
import { Host } from "../../harness/host.ts";
import { percentile } from "../../report/statistics.ts";
import type { Figure, Scenario, Setting } from "../scenario.ts";

/** Pause between two enqueues, in milliseconds: the worker is idle again each time. */
const SHORTEST_PAUSE_MS = 10;
const LONGEST_PAUSE_MS = 30;
/** Samples before those that count. */
const WARM_UP = 30;
/** How long after the last enqueue the worker may still be about to begin, in milliseconds. */
const LAST_WAIT_MS = 1000;

/** How long a worker is left alone before its idleness is measured, in milliseconds, and for how long it is measured. */
const SETTLE_MS = 2500;
const IDLE_MS = 1000;

export const latencyScenarios: readonly Scenario[] = [
  latencyScenario("latency-within", "in one process", false),
  latencyScenario("latency-across", "across processes", true),
  {
    name: "latency-idle-cpu",
    rows: [{ id: "idle-cpu", title: "CPU of an idle worker", unit: "ms/s" }],
    run: async (setting) => ({ "idle-cpu": { value: await measureIdleness(setting) } }),
  },
];

function latencyScenario(id: string, where: string, isAcross: boolean): Scenario {
  return {
    name: id,
    rows: [
      { id: `${id}-p50`, title: `idle latency ${where}, p50`, unit: "ms" },
      { id: `${id}-p99`, title: `idle latency ${where}, p99`, unit: "ms" },
    ],
    run: async (setting) => {
      const latencies = await measure(setting, isAcross);
      return { [`${id}-p50`]: figure(latencies, 0.5), [`${id}-p99`]: figure(latencies, 0.99) };
    },
  };
}

function figure(latencies: readonly number[], part: number): Figure {
  return { value: percentile(latencies, part) };
}

/** From just before each enqueue to the begin of its handler, in milliseconds. */
async function measure(
  { contender, sizes, folder }: Setting,
  isAcross: boolean,
): Promise<readonly number[]> {
  await using file = await temporaryFile(folder);
  await using worker = await Host.start(contender, file.path);
  await using other = isAcross ? await Host.start(contender, file.path) : undefined;
  const enqueuer = other ?? worker;
  const count = WARM_UP + sizes.samples;
  await worker.call("startWork", { oneAtATime: false });
  const allBegan = began(worker, count);
  const enqueuedAtMs = await enqueuer.call("enqueuePaced", {
    first: 0,
    count,
    pausesMs: Array.from({ length: count }, pause),
  });
  await allBegan;
  const { jobs, beganAtMs } = await worker.call("stopWork", null);
  const latencies = jobs.map((job, index) => beganAtMs[index]! - enqueuedAtMs[job]!);
  if (new Set(jobs).size !== count || jobs.length !== count) {
    throw new Error(`${contender.name} handled ${jobs.length} jobs instead of ${count}.`);
  }
  return latencies.filter((_, index) => jobs[index]! >= WARM_UP);
}

/** What waiting for work costs, in milliseconds of processor time per second. */
async function measureIdleness({ contender, folder }: Setting): Promise<number> {
  await using file = await temporaryFile(folder);
  await using worker = await Host.start(contender, file.path);
  await worker.call("startWork", { oneAtATime: false });
  await worker.call("rest", { ms: SETTLE_MS });
  const { ms, cpuUs } = await worker.call("rest", { ms: IDLE_MS });
  await worker.call("stopWork", null);
  return cpuUs / ms;
}

function pause(): number {
  return SHORTEST_PAUSE_MS + Math.random() * (LONGEST_PAUSE_MS - SHORTEST_PAUSE_MS);
}

async function began(worker: Host, count: number): Promise<void> {
  const limitMs = count * LONGEST_PAUSE_MS * 4 + LAST_WAIT_MS;
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new Error(`Only ${worker.handled} of ${count} jobs began in ${limitMs} ms.`));
    }, limitMs);
    worker.onProgress = () => {
      if (worker.handled < count) return;
      clearTimeout(timer);
      resolve();
    };
  });
}
