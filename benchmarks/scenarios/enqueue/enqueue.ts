import type { Spent } from "../../harness/commands.ts";
import { Host } from "../../harness/host.ts";
import { shareOf, type Figure, type Scenario, type Setting } from "../scenario.ts";

const BULK_SIZE = 1000;
const WIDTH = 64;
/** Part of the size by which each process is warmed up first. */
const WARM_UP = 0.2;

export const enqueueOneByOne: Scenario = {
  name: "enqueue-sequential",
  rows: [{ id: "enqueue-sequential", title: "enqueue, one after another", unit: "/s" }],
  run: async (setting) => {
    const count = shareOf(setting.contender, "enqueue-sequential", setting.sizes.enqueue);
    const figure = await measure(setting, count, (host, first, size) =>
      host.call("enqueueOneByOne", { first, count: size }),
    );
    return { "enqueue-sequential": figure };
  },
};

export const enqueueTogether: Scenario = {
  name: "enqueue-64",
  rows: [{ id: "enqueue-64", title: `enqueue, ${WIDTH} callers at a time`, unit: "/s" }],
  run: async (setting) => {
    const count = shareOf(setting.contender, "enqueue-64", setting.sizes.enqueue);
    const figure = await measure(setting, count, (host, first, size) =>
      host.call("enqueueTogether", { first, count: size, width: WIDTH }),
    );
    return { "enqueue-64": figure };
  },
};

export const enqueueBulk: Scenario = {
  name: "enqueue-bulk",
  rows: [{ id: "enqueue-bulk", title: `enqueue, ${BULK_SIZE} in a call`, unit: "/s" }],
  run: async (setting) => {
    const count = shareOf(setting.contender, "enqueue-bulk", setting.sizes.bulk);
    const figure = await measure(setting, count, (host, first, size) =>
      host.call("enqueueBulk", { first, count: size, size: BULK_SIZE, to: "main" }),
    );
    return { "enqueue-bulk": figure };
  },
};

async function measure(
  { store, contender, places }: Setting,
  count: number,
  enqueue: (host: Host, first: number, count: number) => Promise<Spent>,
): Promise<Figure> {
  await using place = await places.create();
  await using host = await Host.start(store, contender, place);
  await enqueue(host, count, Math.ceil(count * WARM_UP));
  const serverCpuAtStart = places.serverCpuUs();
  const { ms, cpuUs } = await enqueue(host, 0, count);
  const serverCpuUs = places.serverCpuUs() - serverCpuAtStart;
  return { value: (count / ms) * 1000, cpuUs: cpuUs / count, serverCpuUs: serverCpuUs / count };
}
