import { ADOPT } from "./adopt.ts";
import { PAUSED } from "./pause.ts";
import { defineScript, type Script } from "./script.ts";
import { LEASE } from "./sessions.ts";

/** Which queues a worker serves, without those that are paused: "*" and those left out, or those named. Then the tasks it knows. Read from the arguments at `next`. */
export const SERVED: string = `
${PAUSED}
local function list(at)
  local items = {}
  for index = 1, tonumber(ARGV[at]) do items[index] = ARGV[at + index] end
  return items, at + #items + 1
end
local function set(items)
  local members = {}
  for _, item in ipairs(items) do members[item] = true end
  return members
end
local function readServed(at)
  local queues, excluded, names
  queues, at = list(at)
  excluded, at = list(at)
  names = list(at)
  if queues[1] == '*' then
    local without = set(excluded)
    queues = {}
    for _, queue in ipairs(call('SMEMBERS', own('queues'))) do
      if not without[queue] then queues[#queues + 1] = queue end
    end
  end
  local served = {}
  for _, queue in ipairs(queues) do
    if not isPaused(queue) then served[#served + 1] = queue end
  end
  return served, set(names)
end
`;

/**
 * Claims ready tasks, those that fell due included.
 *
 * Arguments: the lease's (see `sessions.ts`), worker id as JSON, limit, id or "" for whatever is ready, how many jobs of each queue to pass over, and what
 * is served (see `SERVED`).
 *
 * Answers with the time; for each task its queue, id, and hash as it was before the claim (whoever reads it does the same to it as is done here); and how
 * many jobs to pass over to look on, 0 when all were looked at.
 */
export const CLAIM: Script = defineScript(
  LEASE,
  SERVED,
  ADOPT,
  `
local now = clock()
local session = ARGV[1]
renew(now)
local worker, limit, only, passedOver = ARGV[4], tonumber(ARGV[5]), ARGV[6], tonumber(ARGV[7])
local queues, known = readServed(8)

-- At most so many jobs are looked at in one claim, so that a heap of unknown ones does not hold up the server, and so many bytes are answered with.
local PAGE, MOST, BYTES = 500, 5000, 16 * 2 ^ 20
local most = math.max(PAGE, math.floor(MOST / math.max(1, #queues)))
local lookOnFrom, bytes = 0, 0

local function promote(queue)
  local delayed = of(queue, 'delayed')
  local skipped = 0
  for _ = 1, 10 do
    local ids = call('ZRANGEBYSCORE', delayed, '-inf', (now + 1) * 4096 - 1, 'LIMIT', skipped, PAGE)
    if #ids == 0 then return end
    local due = {}
    for _, id in ipairs(ids) do
      local job = of(queue, id)
      local values = call('HMGET', job, 'status', 'priority', 'runAfter', 'timestamp')
      if statusOf(values[1]) == 'READY' then
        due[#due + 1] = id
        call('HDEL', job, 'delay')
        tell(queue, id, 'waiting', 'prev', 'delayed')
        add(of(queue, 'prioritized'), readyScore(tonumber(values[2]) or 101, tonumber(values[3]) or tonumber(values[4]) or now), id)
      else
        skipped = skipped + 1
      end
    end
    if #due > 0 then call('ZREM', delayed, unpack(due)) end
    if #ids < PAGE then return end
  end
end

local function value(fields, name)
  for index = 1, #fields, 2 do
    if fields[index] == name then return fields[index + 1] end
  end
  return nil
end

local claimed = {}
local takenOf = {}

local function take(queue, id, fields, status)
  local workers, attempts, scope, started, processed
  for index = 1, #fields, 2 do
    local name = fields[index]
    bytes = bytes + #fields[index + 1]
    if name == 'workers' then workers = fields[index + 1]
    elseif name == 'atm' then attempts = fields[index + 1]
    elseif name == 'uniqueScope' then scope = fields[index + 1]
    elseif name == 'startedAt' then started = fields[index + 1]
    elseif name == 'processedOn' then processed = fields[index + 1] end
  end
  local job = of(queue, id)
  local fence, number = string.match(status, '^%u+ (%d+) %S+ (%d+)$')
  status = 'RUNNING ' .. (tonumber(fence) or 0) + 1 .. ' ' .. session .. ' ' .. (number or 0)
  if workers and #workers > 2 then
    -- The first start is kept when there is a second.
    if not started or started == '' then call('HSET', job, 'startedAt', processed or now) end
    workers = string.sub(workers, 1, -2) .. ',' .. worker .. ']'
  else
    workers = '[' .. worker .. ']'
  end
  call('HSET', job, 'status', status, 'workers', workers, 'processedOn', now,
    'atm', (tonumber(attempts) or 0) + 1)
  if scope == 'until-started' then freeKey(queue, id, value(fields, 'uniqueKey'), scope) end
  tell(queue, id, 'active', 'prev', 'waiting')
  local taken = takenOf[queue]
  if not taken then
    taken = {}
    takenOf[queue] = taken
  end
  taken[#taken + 1] = id
  claimed[#claimed + 1] = { queue, id, fields }
end

-- The status field of a job that is ready and whose task is known; nil for others.
local function readyStatus(fields)
  local status, name
  for index = 1, #fields, 2 do
    if fields[index] == 'status' then status = fields[index + 1]
    elseif fields[index] == 'name' then name = fields[index + 1] end
  end
  if status and known[name] and string.sub(status, 1, 6) == 'READY ' then return status end
  return nil
end

-- Walks the ready jobs of a queue, a page at a time: source.id and source.score are the next one's, nil at the end.
local function turnPage(source)
  local prioritized = of(source.queue, 'prioritized')
  if #source.gone > 0 then call('ZREM', prioritized, unpack(source.gone)) end
  if source.page then source.from = source.from + #source.page / 2 - #source.gone end
  source.page, source.at, source.gone = {}, 1, {}
  if source.from >= passedOver + most then
    if lookOnFrom == 0 or source.from < lookOnFrom then lookOnFrom = source.from end
    return
  end
  local size = source.isWary and PAGE or math.min(PAGE, limit + 8)
  source.page = call('ZRANGE', prioritized, source.from, source.from + size - 1, 'WITHSCORES')
end

local function advance(source)
  source.at = source.at + 2
  if source.at > #source.page then turnPage(source) end
  source.id, source.score = source.page[source.at], tonumber(source.page[source.at + 1])
  -- The first that is not ours: behind it there are none of ours.
  if source.score and source.score >= 0 then source.id = nil end
end

local function walk(queue)
  -- Jobs of others may be large, and there may be many: once one was met, they are known by their names.
  local source = { queue = queue, from = passedOver, isWary = passedOver > 0, page = nil, at = 1, gone = {} }
  turnPage(source)
  source.at = -1
  advance(source)
  return source
end

local function runsBefore(a, b)
  if a.score ~= b.score then return a.score < b.score end
  return a.id < b.id
end

local function takeNext(source)
  local id, job = source.id, of(source.queue, source.id)
  if not source.isWary or known[call('HGET', job, 'name')] then
    local fields = call('HGETALL', job)
    local status = readyStatus(fields)
    if #fields == 0 then source.gone[#source.gone + 1] = id
    elseif status then take(source.queue, id, fields, status)
    else source.isWary = true end
  end
  advance(source)
end

if only ~= '' then
  local queue = queueOf(only)
  if queue then
    local fields = call('HGETALL', of(queue, only))
    local status = readyStatus(fields)
    if status then take(queue, only, fields, status) end
  end
else
  local sources = {}
  for _, queue in ipairs(queues) do
    adopt(queue, now)
    promote(queue)
    addAll()
    sources[#sources + 1] = walk(queue)
  end
  while #claimed < limit and bytes < BYTES do
    local first
    for _, source in ipairs(sources) do
      if source.id and (not first or runsBefore(source, first)) then first = source end
    end
    if not first then break end
    takeNext(first)
  end
  for _, source in ipairs(sources) do
    if #source.gone > 0 then call('ZREM', of(source.queue, 'prioritized'), unpack(source.gone)) end
  end
end

for queue, taken in pairs(takenOf) do
  for from = 1, #taken, 1000 do
    local part = {}
    local held = {}
    for index = from, math.min(#taken, from + 999) do
      part[#part + 1] = taken[index]
      held[#held + 1] = queue .. ':' .. taken[index]
    end
    call('ZREM', of(queue, 'prioritized'), unpack(part))
    if only ~= '' then call('ZREM', of(queue, 'delayed'), unpack(part)) end
    call('LPUSH', of(queue, 'active'), unpack(part))
    call('SADD', own('held:' .. session), unpack(held))
  end
end
return { now, claimed, lookOnFrom }
`,
);
