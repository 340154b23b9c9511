import { CLOCK, EVEN_WHEN_FULL, FIND, OURS, VALUES } from "./parts.ts";
import { PAUSED } from "./pause.ts";
import { defineScript, type Script } from "./script.ts";
import { SERVED } from "./served.ts";

/** Max queues, and max jobs of each, that are looked at in search of tasks. */
const BOUNDS = "local QUEUES, JOBS = 100, 200";

/** Queues that are served and not paused, in the order of an index: `visit(queue, score)` for each, until it says true. Needs `PAUSED`, `SERVED`, `BOUNDS`. */
const EACH_QUEUE = `
local function eachQueue(index, visit)
  local visited = 0
  for from = 0, 1e9, 100 do
    local page = call('ZRANGE', index, from, from + 99, 'WITHSCORES')
    for at = 1, #page, 2 do
      if isServed(page[at]) then
        visited = visited + 1
        if visited > QUEUES then return end
        if not isPaused(page[at]) and visit(page[at], tonumber(page[at + 1])) then return end
      end
    end
    if #page < 200 then return end
  end
end
`;

/**
 * In how many milliseconds a task may be ready that this worker knows; "" when none waits. Leaves a mark when nothing is ready at once, by which the next
 * enqueue knows that someone is to be told. Arguments: what is served.
 */
export const READY_IN: Script = defineScript(
  EVEN_WHEN_FULL,
  CLOCK,
  PAUSED,
  SERVED,
  VALUES,
  BOUNDS,
  EACH_QUEUE,
  `
readServed(1)
local now = clock()
local soonest = nil
local function seen(inMs)
  if not soonest or inMs < soonest then soonest = inMs end
  return soonest == 0
end

local function lookInto(queue)
  -- Claims set aside what is not known; so what is there is known, or has just come.
  local first = call('ZRANGE', of(queue, 'prioritized'), 0, 0, 'WITHSCORES')
  if first[2] and tonumber(first[2]) < 0 then return seen(0) end
  local delayed = call('ZRANGE', of(queue, 'delayed'), 0, JOBS - 1, 'WITHSCORES')
  for index = 1, #delayed, 2 do
    local values = jobValues(of(queue, delayed[index]), 'name', 'status')
    if known[values[1] or ''] and statusOf(values[2]) == 'READY' then
      return seen(math.max(0, math.ceil(delayed[index + 1] / 4096 - now)))
    end
  end
end

local names = asideNames(true)
if listed then
  for _, queue in ipairs(listed) do
    if not isPaused(queue) then
      for _, name in ipairs(names) do
        if call('EXISTS', of(queue, 'aside:' .. name)) == 1 then return '0' end
      end
      if lookInto(queue) then return '0' end
    end
  end
else
  eachQueue(own('ready'), function() return seen(0) end)
  for _, name in ipairs(names) do eachQueue(own('ready:' .. name), function() return seen(0) end) end
  if soonest == 0 then return '0' end
  eachQueue(own('due'), function(queue, score) return seen(math.max(0, math.ceil(score / 4096 - now))) or true end)
  if soonest == 0 then return '0' end
end
call('SET', own('idle'), 1)
return soonest and string.format('%.0f', soonest) or ''
`,
);

/** Names of due tasks that this worker does not know: at most ten. Arguments: what is served. */
export const UNKNOWN_TASKS: Script = defineScript(
  CLOCK,
  PAUSED,
  SERVED,
  VALUES,
  BOUNDS,
  EACH_QUEUE,
  `
readServed(1)
local now = clock()
local found, seen = {}, {}
local function note(name)
  if name and not known[name] and not seen[name] then
    seen[name] = true
    found[#found + 1] = name
  end
  return #found >= 10
end

-- Those that were set aside, and those that no claim has met yet.
for _, name in ipairs(asideNames(false)) do
  if listed then
    for _, queue in ipairs(listed) do
      if not isPaused(queue) and call('EXISTS', of(queue, 'aside:' .. name)) == 1 then note(name) end
    end
  else eachQueue(own('ready:' .. name), function() note(name) return true end) end
end
local function lookInto(queue)
  for place, limit in pairs({ prioritized = 0, delayed = (now + 1) * 4096 }) do
    local jobs = call('ZRANGE', of(queue, place), 0, JOBS - 1, 'WITHSCORES')
    for index = 1, #jobs, 2 do
      if tonumber(jobs[index + 1]) >= limit then break end
      local values = jobValues(of(queue, jobs[index]), 'name', 'status')
      if statusOf(values[2]) == 'READY' and note(values[1]) then return true end
    end
  end
end
if listed then
  for _, queue in ipairs(listed) do
    if not isPaused(queue) and lookInto(queue) then break end
  end
else
  eachQueue(own('ready'), lookInto)
  eachQueue(own('due'), lookInto)
end
while #found > 10 do table.remove(found) end
return found
`,
);

/** Tells whether a result exists and is not finished. Argument: id. */
export const IS_OPEN: Script = defineScript(
  OURS,
  FIND,
  `
local queue = queueOf(ARGV[1])
if not queue then return 0 end
local status = statusOf(call('HGET', of(queue, ARGV[1]), 'status'))
return (status == 'READY' or status == 'RUNNING') and 1 or 0
`,
);
