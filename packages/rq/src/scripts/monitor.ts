import { ADOPT } from "./adopt.ts";
import { UNLIST } from "./index-parts.ts";
import { CLOCK, FIELDS, SCORES, VALUES } from "./parts.ts";
import { PAUSED } from "./pause.ts";
import { defineScript, type Part, type Script } from "./script.ts";

/** A user who may only read reads past what is left of a result that is gone. */
const TIDY: Part = { optional: UNLIST };

/**
 * One queue's part of a page, newest enqueue first.
 *
 * Arguments: queue, number of the newest enqueue to look at ("+inf" for all), status or "", task name or "", most results. Looks at a bounded number of
 * results, and answers with a bounded number of bytes: where to go on ("" at the end), then for each result its number, id, and hash.
 */
export const LIST: Script = defineScript(
  CLOCK,
  SCORES,
  VALUES,
  FIELDS,
  TIDY,
  ADOPT,
  PAUSED,
  `
local queue, newest, status, name, most = ARGV[1], ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
adopt(queue, clock())
local index = of(queue, 'index')
local paused = isPaused(queue)
local LOOKED_AT, BYTES = 2000, 4 * 2 ^ 20
local answer = { '' }
local looked, bytes = 0, 0
while looked < LOOKED_AT do
  local first = call('ZREVRANGEBYSCORE', index, newest, '-inf', 'LIMIT', 0, 1)[1]
  if not first then return answer end
  local part = call('ZREVRANGEBYSCORE', index .. ':' .. first, newest, '-inf', 'WITHSCORES')
  for at = 1, #part, 2 do
    local id, number = part[at], part[at + 1]
    local job = of(queue, id)
    local values = jobValues(job, 'status', 'name')
    if not values[1] then pcall(unlist, queue, id, number)
    elseif (status == '' or statusOf(values[1]) == status) and (name == '' or values[2] == name) then
      local fields = jobFields(job)
      if paused then fields[#fields + 1], fields[#fields + 2] = 'isPaused', '1' end
      for field = 2, #fields, 2 do bytes = bytes + #fields[field] end
      answer[#answer + 1] = { number, id, fields }
    end
    if #answer > most or bytes > BYTES then
      answer[1] = string.format('%.0f', number - 1)
      return answer
    end
  end
  looked = looked + #part / 2
  newest = string.format('%.0f', first - 1)
end
answer[1] = newest
return answer
`,
);

/** How much one queue holds. Argument: queue. Answers with ready, scheduled, running, successful, failed, the age of the oldest ready one, -1 for none, and 1 when it is paused. */
export const COUNT: Script = defineScript(
  CLOCK,
  SCORES,
  ADOPT,
  PAUSED,
  `
local now = clock()
local answer = {}

local function count(queue)
  adopt(queue, now)
  local prioritized, delayed = of(queue, 'prioritized'), of(queue, 'delayed')
  local oldest = nil
  local function seen(due)
    if not oldest or due < oldest then oldest = due end
  end
  local ready = 0
  for _, place in ipairs({ prioritized, of(queue, 'waiting-children') }) do
    ready = ready + call('ZCOUNT', place, '-inf', '(0')
    -- The first of each priority in use.
    local from = '-inf'
    while true do
      local first = call('ZRANGEBYSCORE', place, from, '(0', 'WITHSCORES', 'LIMIT', 0, 1)
      if #first == 0 then break end
      local score = first[2] + SHIFT
      local level = math.floor(score / LEVEL)
      seen(score - level * LEVEL)
      from = string.format('%.0f', (level + 1) * LEVEL - SHIFT)
    end
  end
  local due = call('ZCOUNT', delayed, '-inf', (now + 1) * 4096 - 1)
  if due > 0 then seen(call('ZRANGE', delayed, 0, 0, 'WITHSCORES')[2] / 4096) end
  local counts = {
    ready + due,
    call('ZCARD', delayed) - due,
    call('LLEN', of(queue, 'active')),
    call('ZCARD', of(queue, 'completed')),
    call('ZCARD', of(queue, 'failed')),
    oldest and math.floor(math.max(0, now - oldest)) or -1,
    isPaused(queue) and 1 or 0,
  }
  for _, number in ipairs(counts) do answer[#answer + 1] = number end
end

for _, queue in ipairs(ARGV) do count(queue) end
return answer
`,
);

/** The queues that were ever used. */
export const QUEUES: Script = defineScript("return call('SMEMBERS', own('queues'))");
