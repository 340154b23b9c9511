import { SERVED } from "./claim.ts";
import { defineScript, type Script } from "./script.ts";

/** Walks what is due in a queue: `visit(name)` for each, until it says true. At most `most` jobs are looked at in each place. */
const WALK = `
local now = clock()
local function walk(queue, most, visit)
  local prioritized = call('ZRANGE', of(queue, 'prioritized'), 0, most - 1, 'WITHSCORES')
  for index = 1, #prioritized, 2 do
    if tonumber(prioritized[index + 1]) >= 0 then break end
    local values = call('HMGET', of(queue, prioritized[index]), 'name', 'status')
    if statusOf(values[2]) == 'READY' and visit(values[1], 0) then return end
  end
  local delayed = call('ZRANGE', of(queue, 'delayed'), 0, most - 1, 'WITHSCORES')
  for index = 1, #delayed, 2 do
    local values = call('HMGET', of(queue, delayed[index]), 'name', 'status')
    local inMs = math.max(0, math.ceil(delayed[index + 1] / 4096 - now))
    if statusOf(values[2]) == 'READY' and visit(values[1], inMs) then return end
  end
end
`;

/**
 * In how many milliseconds a task that this worker knows is ready; "" when none waits. Leaves a mark when nothing is ready at once, by which the next
 * enqueue knows that someone is to be told. Arguments: what is served.
 */
export const READY_IN: Script = defineScript(
  SERVED,
  WALK,
  `
local queues, known = readServed(1)
local soonest = nil
for _, queue in ipairs(queues) do
  walk(queue, 200, function(name, inMs)
    if not known[name] then return false end
    if not soonest or inMs < soonest then soonest = inMs end
    return true
  end)
  if soonest == 0 then return '0' end
end
call('SET', own('idle'), 1)
return soonest and string.format('%.0f', soonest) or ''
`,
);

/** Names of due tasks that this worker does not know: at most ten. Arguments: what is served. */
export const UNKNOWN_TASKS: Script = defineScript(
  SERVED,
  WALK,
  `
local queues, known = readServed(1)
local names, seen = {}, {}
for _, queue in ipairs(queues) do
  walk(queue, 2000, function(name, inMs)
    if inMs == 0 and name and not known[name] and not seen[name] then
      seen[name] = true
      names[#names + 1] = name
    end
    return #names == 10 or inMs > 0
  end)
end
while #names > 10 do table.remove(names) end
return names
`,
);

/** Tells whether a result exists and is not finished. Argument: id. */
export const IS_OPEN: Script = defineScript(`
local queue = queueOf(ARGV[1])
if not queue then return 0 end
local status = statusOf(call('HGET', of(queue, ARGV[1]), 'status'))
return (status == 'READY' or status == 'RUNNING') and 1 or 0
`);
