/**
 * Puts tasks in their place that BullMQ's tools made ready, by their buttons to promote or retry: `adopt(queue)`.
 *
 * BullMQ puts them behind all tasks of ours, among jobs that nobody here runs, with a score of `priority * 2^32 + count`, and keeps the count in `pc`. So it
 * takes one look to see that there is nothing new, and one look for each priority of ours to find what is.
 */
export const ADOPT = `
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
  call('ZADD', of(queue, 'prioritized'), readyScore(tonumber(values[2]) or 101, due), id)
end

local function adoptNew(queue, now)
  local count = call('GET', of(queue, 'pc'))
  if not count then return end
  local known = call('HGET', own('adopted'), queue)
  if count == known then return end
  for priority = 1, 201 do
    local base = priority * 2 ^ 32
    local from = string.format('(%.0f', base + (tonumber(known) or 0))
    local to = string.format('%.0f', base + (tonumber(count) or 0))
    for _, id in ipairs(call('ZRANGEBYSCORE', of(queue, 'prioritized'), from, to, 'LIMIT', 0, 1000)) do adoptOne(queue, id, now) end
  end
  call('HSET', own('adopted'), queue, count)
end

-- A server whose memory is full takes no changes, and is read all the same.
local function adopt(queue, now) pcall(adoptNew, queue, now) end
`;
