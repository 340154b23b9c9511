import { Host } from "../../harness/host.ts";
import type { Place } from "../../harness/place.ts";
import type { Sizes } from "../../options.ts";
import { percentile } from "../../report/statistics.ts";
import type { Backlogs } from "../backlog/backlogs.ts";
import { shareOf, type Figure, type Scenario, type Setting } from "../scenario.ts";

/** Shortest and longest pause between two enqueues, in milliseconds: the worker is idle again each time. */
const PAUSES_MS = [10, 30] as const;
/** Percentiles that are reported. */
const PARTS = { p50: 0.5, p95: 0.95, p99: 0.99 };
/** Samples before those that count. */
const WARM_UP = 30;
/** How long after the last enqueue the worker may still be about to begin, in milliseconds. */
const LAST_WAIT_MS = 1000;

/** How long a worker is left alone before its idleness is measured, in milliseconds, and for how long it is measured. */
const SETTLE_MS = 2500;
const IDLE_MS = 1000;

export function latencyScenarios(sizes: Sizes, backlogs: Backlogs): readonly Scenario[] {
  const due = sizes.tomorrow.toLocaleString("en");
  return [
    latencyScenario("latency-within", "in one process", { isAcross: false }),
    latencyScenario("latency-across", "across processes", { isAcross: true }),
    latencyScenario("latency-tomorrow", `beside ${due} due tomorrow`, {
      isAcross: true,
      template: (setting) => backlogs.get(setting, "tomorrow", sizes.tomorrow),
    }),
    {
      name: "latency-idle",
      rows: [
        { id: "idle-cpu", title: "CPU of an idle worker", unit: "ms/s" },
        { id: "idle-memory", title: "memory of an idle worker", unit: "MB" },
      ],
      run: measureIdleness,
    },
  ];
}

interface LatencyOptions {
  readonly isAcross: boolean;
  readonly template?: (setting: Setting) => Promise<Place>;
}

function latencyScenario(id: string, where: string, options: LatencyOptions): Scenario {
  return {
    name: id,
    rows: Object.keys(PARTS).map((part) => ({
      id: `${id}-${part}`,
      title: `idle latency ${where}, ${part}`,
      unit: "ms",
    })),
    run: async (setting) => {
      const latencies = await measure(setting, id, options);
      const figures = Object.entries(PARTS).map(([part, share]): [string, Figure] => [
        `${id}-${part}`,
        { value: percentile(latencies, share) },
      ]);
      return Object.fromEntries(figures);
    },
  };
}

/** From just before each enqueue to the begin of its handler, in milliseconds. */
async function measure(
  setting: Setting,
  id: string,
  { isAcross, template }: LatencyOptions,
): Promise<readonly number[]> {
  const { store, contender, places, sizes } = setting;
  await using place = await places.create(await template?.(setting));
  await using worker = await Host.start(store, contender, place);
  await using other = isAcross ? await Host.start(store, contender, place) : undefined;
  const enqueuer = other ?? worker;
  const warmUp = shareOf(contender, id, WARM_UP);
  const count = warmUp + shareOf(contender, id, sizes.samples);
  const [shortestMs, longestMs] = contender.pausesMs ?? PAUSES_MS;
  await worker.call("startWork", { oneAtATime: false });
  const allBegan = began(worker, count, count * longestMs * 4 + LAST_WAIT_MS);
  const enqueuedAtMs = await enqueuer.call("enqueuePaced", {
    first: 0,
    count,
    pausesMs: Array.from(
      { length: count },
      () => shortestMs + Math.random() * (longestMs - shortestMs),
    ),
  });
  await allBegan;
  const { jobs, beganAtMs } = await worker.call("stopWork", null);
  const latencies = jobs.map((job, index) => beganAtMs[index]! - enqueuedAtMs[job]!);
  if (new Set(jobs).size !== count || jobs.length !== count) {
    throw new Error(`${contender.name} handled ${jobs.length} jobs instead of ${count}.`);
  }
  return latencies.filter((_, index) => jobs[index]! >= warmUp);
}

/** What waiting for work costs: processor time of worker and server, and memory of the worker's process. */
async function measureIdleness({
  store,
  contender,
  places,
}: Setting): Promise<Readonly<Record<string, Figure>>> {
  await using place = await places.create();
  await using worker = await Host.start(store, contender, place);
  await worker.call("startWork", { oneAtATime: false });
  await worker.call("rest", { ms: SETTLE_MS });
  const serverCpuAtStart = places.serverCpuUs();
  const { ms, cpuUs, rssBytes } = await worker.call("rest", { ms: IDLE_MS });
  const serverCpuUs = places.serverCpuUs() - serverCpuAtStart;
  await worker.call("stopWork", null);
  return {
    "idle-cpu": { value: (cpuUs + serverCpuUs) / ms },
    "idle-memory": { value: rssBytes / 1e6 },
  };
}

async function began(worker: Host, count: number, limitMs: number): Promise<void> {
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
