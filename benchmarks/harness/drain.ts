import { setTimeout as sleep } from "node:timers/promises";

import type { Contender } from "../contenders/contender.ts";
import type { Store } from "../contenders/store.ts";
import { monotonicMs, type Handled } from "./commands.ts";
import { Host } from "./host.ts";
import type { Place, Places } from "./place.ts";

/** What to drain and by whom. */
export interface DrainOptions {
  readonly store: Store;
  readonly contender: Contender;
  readonly places: Places;
  readonly place: Place;
  readonly processes: number;
  /** Jobs to drain. */
  readonly count: number;
  /** Jobs drained before, unmeasured. */
  readonly warmUp: number;
  readonly oneAtATime?: boolean;
}

/** What a drain took. */
export interface Drained {
  readonly ms: number;
  /** Processor time of all worker processes. */
  readonly cpuUs: number;
  readonly serverCpuUs: number;
}

/** Rows in one call while a queue is filled. */
const FILL_SIZE = 10_000;
/** How often the queue is asked whether all is stored, once everything was handled, in milliseconds. */
const LOOK_MS = 2;
/** How long one drain may take, in milliseconds. */
const LIMIT_MS = 120_000;

/**
 * Fills a queue, then lets workers in processes of their own empty it. The time runs from telling them to start until the last outcome is stored.
 *
 * @throws when a job was handled not exactly once, or two at once where one at a time was asked for.
 */
export async function drain(options: DrainOptions): Promise<Drained> {
  const { store, contender, place, processes, count, warmUp } = options;
  const hosts: Host[] = [];
  await using _stack = closing(hosts);
  for (let index = 0; index < processes; index++) {
    hosts.push(await Host.start(store, contender, place));
  }
  await fillAndEmpty(hosts, options, count, warmUp);
  // Awaited here: the hosts are closed when this function returns.
  return await fillAndEmpty(hosts, options, 0, count);
}

async function fillAndEmpty(
  hosts: readonly Host[],
  { contender, places, place, oneAtATime = false }: DrainOptions,
  first: number,
  count: number,
): Promise<Drained> {
  await hosts[0]!.call("enqueueBulk", { first, count, size: FILL_SIZE, to: "main" });
  const allHandled = handled(hosts, count);
  const serverCpuAtStart = places.serverCpuUs();
  const startedAtMs = monotonicMs();
  await Promise.all(hosts.map((host) => host.call("startWork", { oneAtATime })));
  await allHandled;
  while (Number(await place.value(contender.hasOpenJobs)) !== 0) await sleep(LOOK_MS);
  const ms = monotonicMs() - startedAtMs;
  const reports = await Promise.all(hosts.map((host) => host.call("stopWork", null)));
  const serverCpuUs = places.serverCpuUs() - serverCpuAtStart;
  assertExactlyOnce(contender, reports, first, count);
  if (oneAtATime) assertOneAtATime(contender, reports);
  return { ms, cpuUs: reports.reduce((sum, { cpuUs }) => sum + cpuUs, 0), serverCpuUs };
}

async function handled(hosts: readonly Host[], count: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const total = (): number => hosts.reduce((sum, host) => sum + host.handled, 0);
    const timer = setTimeout(() => {
      reject(new Error(`Only ${total()} of ${count} jobs were handled in ${LIMIT_MS} ms.`));
    }, LIMIT_MS);
    for (const host of hosts) {
      host.onProgress = () => {
        if (total() < count) return;
        clearTimeout(timer);
        resolve();
      };
    }
  });
}

function assertExactlyOnce(
  { name }: Contender,
  reports: readonly Handled[],
  first: number,
  count: number,
): void {
  const jobs = reports.flatMap((report) => report.jobs);
  const distinct = new Set(jobs);
  const expected = Array.from({ length: count }, (_, index) => first + index);
  const missing = expected.filter((job) => !distinct.has(job)).length;
  if (jobs.length === count && missing === 0) return;
  throw new Error(
    `${name} handled ${jobs.length} jobs, ${distinct.size} of them distinct, instead of ${count}; ${missing} are missing.`,
  );
}

function assertOneAtATime({ name }: Contender, reports: readonly Handled[]): void {
  const most = Math.max(...reports.map(({ mostAtOnce }) => mostAtOnce));
  if (most > 1) throw new Error(`${name} handled ${most} jobs at once instead of one at a time.`);
}

function closing(hosts: readonly Host[]): AsyncDisposable {
  return {
    [Symbol.asyncDispose]: async () => {
      for (const host of hosts) await host[Symbol.asyncDispose]();
    },
  };
}
