import { MariadbPlaces } from "../harness/mariadb-places.ts";
import { targetsOf } from "../report/targets.ts";
import { plainMariadb } from "./plain-mariadb/contender.ts";
import { sidequest } from "./sidequest/contender.ts";
import type { Store } from "./store.ts";
import { tasksDbOnServer } from "./tasks-db/contender.ts";

const LIMIT = plainMariadb.name;
const PEER = sidequest.name;
const { against, cpu, own, plain } = targetsOf(tasksDbOnServer.name);

export const mariadb: Store = {
  name: "mariadb",
  contenders: [tasksDbOnServer, plainMariadb, sidequest],
  targets: [
    against(PEER, "drain-1", "drain ÷ Sidequest", "≥ 10"),
    against(LIMIT, "drain-1", "drain ÷ limit", "≥ 0.25"),
    against(LIMIT, "drain-2", "drain, 2 processes ÷ limit", "≥ 0.25"),
    against(LIMIT, "drain-4", "drain, 4 processes ÷ limit", "≥ 0.25"),
    own("backlog-finished", "drain-1", "drain beside finished rows ÷ empty", "–"),
    own("backlog-tomorrow", "drain-1", "drain beside rows due tomorrow ÷ empty", "–"),
    own("backlog-other", "drain-1", "drain beside another queue ÷ empty", "–"),
    against(LIMIT, "enqueue-sequential", "enqueue, one after another ÷ limit", "–"),
    against(PEER, "enqueue-64", "enqueue, 64 at a time ÷ Sidequest", "–"),
    plain("latency-across-p50", "idle latency p50, ms", "≤ 9"),
    plain("latency-across-p99", "idle latency p99, ms", "–"),
    cpu("drain-1", "CPU per job, worker + server, µs", "–"),
  ],
  open: () => MariadbPlaces.start(),
};
