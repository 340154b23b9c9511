import type { Sizes } from "../options.ts";
import { backlogScenario } from "./backlog/backlog.ts";
import type { Backlogs } from "./backlog/backlogs.ts";
import { drainScenarios } from "./drain/drain.ts";
import { enqueueBulk, enqueueOneByOne, enqueueTogether } from "./enqueue/enqueue.ts";
import { latencyScenarios } from "./latency/latency.ts";
import type { Scenario } from "./scenario.ts";

/** Everything that is measured, in the order of the report. */
export function createScenarios(sizes: Sizes, backlogs: Backlogs): readonly Scenario[] {
  return [
    enqueueOneByOne,
    enqueueTogether,
    enqueueBulk,
    ...drainScenarios,
    backlogScenario(backlogs, "finished", sizes.finished),
    backlogScenario(backlogs, "tomorrow", sizes.tomorrow),
    backlogScenario(backlogs, "other", sizes.other),
    ...latencyScenarios(sizes, backlogs),
  ];
}
