import { drain } from "../../harness/drain.ts";
import type { Place } from "../../harness/place.ts";
import { shareOf, type Figure, type Scenario, type Setting } from "../scenario.ts";

/** Part of the size by which each process is warmed up first. */
const WARM_UP = 0.2;

export const drainScenarios: readonly Scenario[] = [
  drainScenario("drain-1", "drain, 1 process", 1, false),
  drainScenario("drain-2", "drain, 2 processes", 2, false),
  drainScenario("drain-4", "drain, 4 processes", 4, false),
  drainScenario("drain-one-at-a-time", "drain, strictly one at a time", 1, true),
];

function drainScenario(
  id: string,
  title: string,
  processes: number,
  oneAtATime: boolean,
): Scenario {
  return {
    name: id,
    rows: [{ id, title, unit: "/s" }],
    run: async (setting) => ({
      [id]: await measureDrain(setting, { scenario: id, processes, oneAtATime }),
    }),
  };
}

/** Drains one fill of the queue, on a copy of `template` when one is given. */
export async function measureDrain(
  { store, contender, places, sizes }: Setting,
  options: { scenario: string; processes: number; oneAtATime: boolean; template?: Place },
): Promise<Figure> {
  const { scenario, processes, oneAtATime, template } = options;
  const count = shareOf(contender, scenario, oneAtATime ? sizes.drainOneAtATime : sizes.drain);
  await using place = await places.create(template);
  const { ms, cpuUs, serverCpuUs } = await drain({
    store,
    contender,
    places,
    place,
    processes,
    oneAtATime,
    count,
    warmUp: Math.ceil(count * WARM_UP),
  });
  return { value: (count / ms) * 1000, cpuUs: cpuUs / count, serverCpuUs: serverCpuUs / count };
}
