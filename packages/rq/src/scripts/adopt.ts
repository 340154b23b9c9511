import type { Part } from "./script.ts";

/**
 * Puts tasks in their place that BullMQ's tools made ready, by their buttons to promote or retry: `adopt(queue, now)`. Needs `SCORES`.
 *
 * BullMQ puts them behind all tasks of ours, among jobs that nobody here runs, with a score of `priority * 2^32 + count`, and keeps the count in `pc`. So it
 * takes one look to see that there is nothing new, and one look for each priority of ours to find what is.
 */
export const ADOPT: Part = {
  optional: `
local function adoptOne(queue, id, now)
  local job = of(queue, id)
  local values = call('HMGET', job, 'status', 'priority', 'timestamp', 'revision')
  local status = statusOf(values[1])
  if not status or status == 'RUNNING' then return end
  local due = tonumber(values[3]) or now
  if status == 'READY' then
    due = now
    call('HSET', job, 'runAfter', string.format('%.0f', now))
  else
    call('HSET', job, 'status', 'READY' .. string.sub(values[1], #status + 1), 'failures', 0, 'lost', 0, 'runAfter', '', 'cancel', '')
    call('HDEL', job, 'finishedOn')
  end
  call('HSET', job, 'revision', (tonumber(values[4]) or 0) + 1)
  call('HDEL', job, 'delay')
  local score = readyScore(values[2], due)
  call('ZADD', of(queue, 'prioritized'), score, id)
  call('ZADD', own('ready'), 'LT', score, queue)
end

local function adoptNew(queue, now)
  local count = call('GET', of(queue, 'pc'))
  if not count then return end
  local known = call('HGET', own('adopted'), queue)
  if count == known then return false end
  for priority = 1, 201 do
    local base = priority * 2 ^ 32
    local from = string.format('(%.0f', base + (tonumber(known) or 0))
    local to = string.format('%.0f', base + (tonumber(count) or 0))
    for _, id in ipairs(call('ZRANGEBYSCORE', of(queue, 'prioritized'), from, to, 'LIMIT', 0, 1000)) do
      -- One that is damaged keeps no other.
      pcall(adoptOne, queue, id, now)
    end
  end
  call('HSET', own('adopted'), queue, count)
  return true
end

-- A server whose memory is full, or whose user may only read, is read all the same.
-- Answers whether there was something new.
local function adopt(queue, now)
  local isDone, isNew = pcall(adoptNew, queue, now)
  return isDone and isNew
end
`,
};
