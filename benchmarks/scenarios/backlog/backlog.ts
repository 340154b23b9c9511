import type { Place } from "../../harness/place.ts";
import { measureDrain } from "../drain/drain.ts";
import type { Scenario } from "../scenario.ts";
import type { Backlogs, Kind } from "./backlogs.ts";

/** Drains with a backlog beside, to be compared with the drain of an empty store. */
export function backlogScenario(backlogs: Backlogs, kind: Kind, size: number): Scenario {
  const id = `backlog-${kind}`;
  return {
    name: id,
    rows: [{ id, title: titleOf(kind, size), unit: "/s" }],
    run: async (setting) => {
      const template: Place = await backlogs.get(setting, kind, size);
      const options = { scenario: id, processes: 1, oneAtATime: false, template };
      return { [id]: await measureDrain(setting, options) };
    },
  };
}

function titleOf(kind: Kind, size: number): string {
  const count = size.toLocaleString("en");
  switch (kind) {
    case "finished":
      return `drain, beside ${count} finished`;
    case "tomorrow":
      return `drain, beside ${count} due tomorrow`;
    case "other":
      return `drain, beside ${count} of another queue`;
  }
}
