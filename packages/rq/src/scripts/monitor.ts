import { defineScript, type Script } from "./script.ts";

/**
 * One queue's part of a page, newest enqueue first.
 *
 * Arguments: queue, cursor ("+inf" for the newest), status or "", task name or "", most results. Looks at a bounded number of results; answers with
 * where to go on ("" at the end), then for each result its place in the order of enqueues, id, and hash.
 */
export const LIST: Script = defineScript(`
local queue, cursor, status, name, most = ARGV[1], ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
local index = of(queue, 'index')
local LOOKED_AT = 2000
local page = call('ZREVRANGEBYSCORE', index, cursor, '-inf', 'WITHSCORES', 'LIMIT', 0, status == '' and name == '' and most or LOOKED_AT)
local answer = { '' }
for at = 1, #page, 2 do
  local id, place = page[at], page[at + 1]
  local job = of(queue, id)
  local values = call('HMGET', job, 'status', 'name')
  if not values[1] then call('ZREM', index, id)
  elseif (status == '' or values[1] == status) and (name == '' or values[2] == name) then
    answer[#answer + 1] = { place, id, call('HGETALL', job) }
  end
  if #answer > most or at == #page - 1 then
    answer[1] = '(' .. place
    return answer
  end
end
return answer
`);

/** How much one queue holds. Argument: queue. Answers with ready, scheduled, running, successful, failed, and the age of the oldest ready one, -1 for none. */
export const COUNT: Script = defineScript(`
local now = clock()
local queue = ARGV[1]
local prioritized, delayed = of(queue, 'prioritized'), of(queue, 'delayed')
local oldest = nil
local function seen(due)
  if not oldest or due < oldest then oldest = due end
end
-- The first of each priority in use.
local from = '-inf'
while true do
  local first = call('ZRANGEBYSCORE', prioritized, from, '(0', 'WITHSCORES', 'LIMIT', 0, 1)
  if #first == 0 then break end
  local score = first[2] + SHIFT
  local level = math.floor(score / LEVEL)
  seen(score - level * LEVEL)
  from = string.format('%.0f', (level + 1) * LEVEL - SHIFT)
end
local due = call('ZCOUNT', delayed, '-inf', (now + 1) * 4096 - 1)
if due > 0 then seen(call('ZRANGE', delayed, 0, 0, 'WITHSCORES')[2] / 4096) end
return {
  call('ZCOUNT', prioritized, '-inf', '(0') + due,
  call('ZCARD', delayed) - due,
  call('LLEN', of(queue, 'active')),
  call('ZCARD', of(queue, 'completed')),
  call('ZCARD', of(queue, 'failed')),
  oldest and math.floor(math.max(0, now - oldest)) or -1,
}
`);

/** The queues that were ever used. */
export const QUEUES: Script = defineScript("return call('SMEMBERS', own('queues'))");
