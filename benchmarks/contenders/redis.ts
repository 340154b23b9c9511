import { RedisPlaces } from "../harness/redis-places.ts";
import { targetsOf } from "../report/targets.ts";
import { bullmqRedis, bullmqRedisTuned } from "./bullmq-redis/contender.ts";
import type { Store } from "./store.ts";
import { tasksRq, tasksRq100 } from "./tasks-rq/contender.ts";

const BULL = bullmqRedis.name;
const TUNED = bullmqRedisTuned.name;
const { against, own, plain, cpu } = targetsOf(tasksRq.name);

export const redis: Store = {
  name: "redis",
  contenders: [tasksRq, tasksRq100, bullmqRedis, bullmqRedisTuned],
  targets: [
    against(BULL, "drain-1", "drain ÷ BullMQ", "≥ 0.9"),
    against(TUNED, "drain-1", "drain ÷ BullMQ tuned", "≥ 0.9"),
    targetsOf(tasksRq100.name).against(TUNED, "drain-1", "drain at 100 ÷ BullMQ tuned", "≥ 0.9"),
    against(BULL, "drain-2", "drain, 2 processes ÷ BullMQ", "≥ 0.9"),
    against(BULL, "drain-4", "drain, 4 processes ÷ BullMQ", "≥ 0.9"),
    against(BULL, "drain-one-at-a-time", "drain, one at a time ÷ BullMQ", "≥ 0.9"),
    against(BULL, "enqueue-sequential", "enqueue, one after another ÷ BullMQ", "≥ 0.9"),
    against(BULL, "enqueue-64", "enqueue, 64 at a time ÷ BullMQ", "≥ 0.9"),
    against(TUNED, "enqueue-64", "enqueue, 64 at a time ÷ BullMQ tuned", "≥ 0.9"),
    against(BULL, "enqueue-bulk", "enqueue, bulk ÷ BullMQ", "≥ 0.9"),
    against(BULL, "latency-across-p50", "idle latency p50 ÷ BullMQ", "≤ 1.1"),
    plain("latency-across-p50", "idle latency p50, ms", "–"),
    plain("latency-across-p99", "idle latency p99, ms", "–"),
    own("backlog-finished", "drain-1", "drain beside finished results ÷ empty", "–"),
    own("backlog-tomorrow", "drain-1", "drain beside tasks due tomorrow ÷ empty", "–"),
    own("backlog-other", "drain-1", "drain beside another queue ÷ empty", "–"),
    cpu("drain-1", "CPU per job, worker + server, µs", "–"),
  ],
  open: async (folder) => new RedisPlaces(folder),
};
