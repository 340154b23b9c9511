import { PostgresPlaces } from "../harness/postgres-places.ts";
import { targetsOf } from "../report/targets.ts";
import { agenda } from "./agenda/contender.ts";
import { bullmqPostgres } from "./bullmq-postgres/contender.ts";
import { graphileDefault, graphileTuned } from "./graphile-worker/contender.ts";
import { pgBossBatched, pgBossDefault } from "./pg-boss/contender.ts";
import { plainPostgres } from "./plain-postgres/contender.ts";
import type { Store } from "./store.ts";
import { tasksDbOnServer } from "./tasks-db/contender.ts";

const LIMIT = plainPostgres.name;
const TUNED = graphileTuned.name;
const BOSS = pgBossBatched.name;
const { against, cpu, own, plain } = targetsOf(tasksDbOnServer.name);

export const postgres: Store = {
  name: "postgres",
  contenders: [
    tasksDbOnServer,
    plainPostgres,
    graphileTuned,
    graphileDefault,
    pgBossBatched,
    pgBossDefault,
    bullmqPostgres,
    agenda,
  ],
  targets: [
    against(TUNED, "drain-1", "drain ÷ graphile-worker tuned", "≥ 1"),
    against(TUNED, "drain-2", "drain, 2 processes ÷ graphile-worker tuned", "≥ 1"),
    against(TUNED, "drain-4", "drain, 4 processes ÷ graphile-worker tuned", "≥ 1"),
    against(LIMIT, "drain-1", "drain ÷ limit", "≥ 0.4"),
    against(BOSS, "backlog-finished", "drain beside finished rows ÷ pg-boss batched", "≥ 1.5"),
    own("backlog-finished", "drain-1", "drain beside finished rows ÷ empty", "≥ 0.75"),
    own("backlog-tomorrow", "drain-1", "drain beside rows due tomorrow ÷ empty", "–"),
    own("backlog-other", "drain-1", "drain beside another queue ÷ empty", "–"),
    against(
      graphileDefault.name,
      "drain-one-at-a-time",
      "drain, one at a time ÷ graphile-worker default",
      "≥ 1.5",
    ),
    against(LIMIT, "enqueue-sequential", "enqueue, one after another ÷ limit", "≥ 0.6"),
    against(agenda.name, "enqueue-sequential", "enqueue, one after another ÷ Agenda", "≥ 1.3"),
    against(agenda.name, "enqueue-64", "enqueue, 64 at a time ÷ Agenda", "≥ 3"),
    against(TUNED, "enqueue-bulk", "enqueue, bulk ÷ graphile-worker", "≥ 1.2"),
    against(TUNED, "latency-across-p50", "idle latency p50 ÷ graphile-worker tuned", "≤ 1"),
    against(TUNED, "latency-across-p99", "idle latency p99 ÷ graphile-worker tuned", "≤ 1"),
    plain("latency-across-p50", "idle latency p50, ms", "–"),
    plain("latency-across-p99", "idle latency p99, ms", "–"),
    own(
      "latency-tomorrow-p50",
      "latency-across-p50",
      "idle latency beside scheduled ÷ without",
      "≤ 1.2",
    ),
    cpu("drain-1", "CPU per job, worker + server, µs", "≤ 35"),
  ],
  open: () => PostgresPlaces.start(),
};
