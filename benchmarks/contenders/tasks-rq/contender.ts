import type { Contender } from "../contender.ts";

const common: Pick<Contender, "hasOpenJobs" | "finishAll"> = {
  hasOpenJobs: `local queue = '{tasks}:default:'
    local open = redis.call('ZCARD', queue .. 'prioritized') + redis.call('LLEN', queue .. 'active')
    return open > 0 and 1 or 0`,
  finishAll: `for _, name in ipairs(redis.call('SMEMBERS', '{tasks}:@queues')) do
    local queue = '{tasks}:' .. name .. ':'
    for _, place in ipairs({ 'prioritized', 'delayed' }) do
      for _, id in ipairs(redis.call('ZRANGE', queue .. place, 0, -1)) do
        local number = string.match(redis.call('HGET', queue .. id, 'status'), '%d+$')
        redis.call('HSET', queue .. id, 'status', 'SUCCESSFUL 1 0123456789ab ' .. number, 'workers', '["worker"]', 'atm', 1,
          'processedOn', 1700000000000, 'finishedOn', 1700000000000)
        redis.call('ZADD', queue .. 'completed', 1700000000000, id)
      end
      redis.call('DEL', queue .. place)
    end
  end`,
};

export const tasksRq: Contender = {
  ...common,
  name: "@tasks/rq",
  settings: "default settings (concurrency 10; strictly one at a time: concurrency 1)",
  open: async (url) => (await import("./queue.ts")).openQueue(url, 10),
};

export const tasksRq100: Contender = {
  ...common,
  name: "@tasks/rq at 100",
  settings: "the same at concurrency 100",
  without: {
    enqueue: "the same",
    "drain-one": "the same",
    backlog: "the same",
    latency: "the same",
  },
  open: async (url) => (await import("./queue.ts")).openQueue(url, 100),
};
