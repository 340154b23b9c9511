import { SqlitePlaces } from "../harness/sqlite-places.ts";
import { targetsOf } from "../report/targets.ts";
import { liteque } from "./liteque/contender.ts";
import { plainSqlite } from "./plain-sqlite/contender.ts";
import { plainjob } from "./plainjob/contender.ts";
import type { Store } from "./store.ts";
import { tasksDbOnSqlite } from "./tasks-db/contender.ts";

const PLAINJOB = plainjob.name;
const LIMIT = plainSqlite.name;
const { against, own, plain } = targetsOf(tasksDbOnSqlite.name);

export const sqlite: Store = {
  name: "sqlite",
  contenders: [tasksDbOnSqlite, plainSqlite, plainjob, liteque],
  targets: [
    against(PLAINJOB, "drain-1", "drain ÷ plainjob", "≥ 3"),
    own("drain-2", "drain-1", "drain, 2 processes ÷ 1", "≥ 1"),
    against(PLAINJOB, "enqueue-sequential", "enqueue, one after another ÷ plainjob", "≥ 1"),
    against(PLAINJOB, "enqueue-64", "enqueue, 64 at a time ÷ plainjob", "≥ 2"),
    against(PLAINJOB, "enqueue-bulk", "enqueue, bulk ÷ plainjob", "≥ 1"),
    plain("latency-within-p50", "idle latency in one process, p50, ms", "≤ 2.9"),
    plain("latency-across-p50", "idle latency across processes, p50, ms", "≤ 10"),
    against(LIMIT, "drain-1", "drain ÷ limit", "–"),
    own("backlog-finished", "drain-1", "drain beside finished rows ÷ empty", "–"),
    own("backlog-tomorrow", "drain-1", "drain beside rows due tomorrow ÷ empty", "–"),
    own("backlog-other", "drain-1", "drain beside another queue ÷ empty", "–"),
  ],
  open: async (folder) => new SqlitePlaces(folder),
};
