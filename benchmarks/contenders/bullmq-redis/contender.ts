import type { Contender } from "../contender.ts";

const common: Omit<Contender, "name" | "settings" | "open"> = {
  share: { "enqueue-bulk": 0.5, drain: 0.3, backlog: 0.3 },
  hasOpenJobs: `local open = redis.call('LLEN', '{bull}:bench:wait') + redis.call('LLEN', '{bull}:bench:active')
    return open > 0 and 1 or 0`,
  finishAll: `for _, name in ipairs({ 'bench', 'other' }) do
    local queue = '{bull}:' .. name .. ':'
    local function finish(id)
      redis.call('HSET', queue .. id, 'returnvalue', 'null', 'processedOn', 1700000000000, 'finishedOn', 1700000000000, 'ats', 1, 'atm', 1)
      redis.call('ZADD', queue .. 'completed', 1700000000000, id)
    end
    for _, id in ipairs(redis.call('LRANGE', queue .. 'wait', 0, -1)) do finish(id) end
    for _, id in ipairs(redis.call('ZRANGE', queue .. 'delayed', 0, -1)) do finish(id) end
    redis.call('DEL', queue .. 'wait', queue .. 'delayed')
  end`,
};

export const bullmqRedis: Contender = {
  ...common,
  name: "BullMQ 6",
  settings: "default settings but concurrency 10 (strictly one at a time: 1); keeps finished jobs",
  open: async (url) => (await import("./queue.ts")).openQueue(url, 10),
};

export const bullmqRedisTuned: Contender = {
  ...common,
  name: "BullMQ 6 tuned",
  settings:
    "concurrency 100 (strictly one at a time: 1), auto-pipelined enqueues; keeps finished jobs",
  open: async (url) => (await import("./queue.ts")).openQueue(url, 100, true),
};
