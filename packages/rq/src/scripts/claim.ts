import { ADOPT } from "./adopt.ts";
import { DISPLACE, HEADS, LOWER } from "./lanes.ts";
import {
  ADDITIONS,
  CLOCK,
  EVEN_WHEN_FULL,
  FIELDS,
  FIND,
  OURS,
  SCORES,
  SPOIL,
  VALUES,
} from "./parts.ts";
import { PAUSED } from "./pause.ts";
import { DISMISS, REFRESH } from "./refresh.ts";
import { defineScript, type Script } from "./script.ts";
import { SERVED } from "./served.ts";
import { LEASE } from "./sessions.ts";
import { SOURCES } from "./sources.ts";

/** Takes tasks, and sets aside those that are not known: `takeNext(source, place)`. */
const TAKE = `
local claimed, takenOf, bytes, looked = {}, {}, 0, 0

local function value(fields, name)
  for index = 1, #fields, 2 do
    if fields[index] == name then return fields[index + 1] end
  end
  return nil
end

local function take(queue, id, fields, status)
  local workers, attempts, started, processed
  for index = 1, #fields, 2 do
    local name = fields[index]
    bytes = bytes + #fields[index + 1]
    if name == 'workers' then workers = fields[index + 1]
    elseif name == 'atm' then attempts = fields[index + 1]
    elseif name == 'startedAt' then started = fields[index + 1]
    elseif name == 'processedOn' then processed = fields[index + 1] end
  end
  local job = of(queue, id)
  local fence, number = string.match(status, '^%u+ (%d+) %S+ (%d+)$')
  fence = fence and #fence <= 15 and fence + 1 or 1
  status = string.format('RUNNING %.0f %s %s', fence, session, number or 0)
  if workers and #workers > 2 then
    -- The first start is kept when there is a second.
    if not started or started == '' then call('HSET', job, 'startedAt', processed or now) end
    workers = string.sub(workers, 1, -2) .. ',' .. worker .. ']'
  else
    workers = '[' .. worker .. ']'
  end
  call('HSET', job, 'status', status, 'workers', workers, 'processedOn', now,
    'atm', (tonumber(attempts) or 0) + 1)
  tell(queue, id, 'active', 'prev', 'waiting')
  local taken = takenOf[queue]
  if not taken then
    taken = {}
    takenOf[queue] = taken
  end
  taken[#taken + 1] = id
  claimed[#claimed + 1] = { queue, id, fields, fence }
end

local function setAside(source, id, name)
  local queue = source.queue
  add(of(queue, 'aside:' .. name), source.score, id)
  add(of(queue, 'waiting-children'), source.score, id)
  lower(own('ready:' .. name), source.score, queue)
  if not source.aside[name] then
    source.aside[name] = true
    call('SADD', own('aside'), name)
  end
end

local function takeNext(source, place)
  local id, job = source.id, of(source.queue, source.id)
  local name, status, fields
  -- Tasks that are not known may be large, and there may be many: once one was met, names are looked at first.
  if source.isWary then
    local values = jobValues(job, 'name', 'status')
    name, status = values[1] or '', values[2]
  else
    fields = jobFields(job)
    name, status = value(fields, 'name') or '', value(fields, 'status')
  end
  looked = looked + 1
  source.gone[#source.gone + 1] = id
  if statusOf(status) ~= 'READY' then dismiss(source.queue, id, status)
  elseif known[name] then take(source.queue, id, fields or jobFields(job), status)
  elseif not source.name then
    source.isWary = true
    setAside(source, id, name)
  end
  advance(source)
  if not source.id then closeSource(place) end
end
`;

/**
 * Claims ready tasks, those that fell due included.
 *
 * Arguments: the lease's (see `sessions.ts`), worker id as JSON, limit, id or "" for the best ones,
 * 1 to claim nothing before all due tasks are ready, and what is served (see `SERVED`).
 *
 * Answers with the time; for each task its queue, id, hash as it was before the claim (the reader
 * does the same to it as is done here), and fence; and 1 when it did not look at all that is ready
 * or due, so as not to hold up the server.
 */
export const CLAIM: Script = defineScript(
  EVEN_WHEN_FULL,
  CLOCK,
  SCORES,
  ADDITIONS,
  OURS,
  FIND,
  VALUES,
  FIELDS,
  SPOIL,
  LEASE,
  PAUSED,
  LOWER,
  HEADS,
  DISPLACE,
  SERVED,
  ADOPT,
  `
local now = clock()
local session = ARGV[1]
renew(now)
local worker, limit, only = ARGV[4], tonumber(ARGV[5]), ARGV[6]
local isStrict = ARGV[7] == '1'
readServed(8)
`,
  SOURCES,
  DISMISS,
  REFRESH,
  TAKE,
  `
-- At most so many jobs are looked at in one claim, and so many bytes are answered with.
local LOOKED, BYTES = math.max(limit, 500), 16 * 2 ^ 20
local isMore = 0

if only ~= '' then
  local queue = queueOf(only)
  local fields = queue and jobFields(of(queue, only)) or {}
  local status = value(fields, 'status')
  if known[value(fields, 'name')] and statusOf(status) == 'READY' then
    take(queue, only, fields, status)
    displace(queue, only)
  end
else
  refresh()
  if isBehind() then
    if isStrict then return { now, claimed, 1 } end
    isMore = 1
  end
  if listed then openListed() else openCursors() end
  while #claimed < limit and bytes < BYTES do
    local source, place = nextSource()
    if not source then break end
    if looked >= LOOKED then
      isMore = 1
      break
    end
    takeNext(source, place)
  end
  if #openedOnce + #parked >= OPENED then isMore = 1 end
  local isIdle = #claimed == 0 and isMore == 0
  settleSources()
  addAll()
  lowerAll()
  if isIdle and sweepIdle() then isMore = 1 end
end

for queue, taken in pairs(takenOf) do
  for from = 1, #taken, 1000 do
    local part = {}
    local held = {}
    for index = from, math.min(#taken, from + 999) do
      part[#part + 1] = taken[index]
      held[#held + 1] = queue .. ':' .. taken[index]
    end
    call('LPUSH', of(queue, 'active'), unpack(part))
    call('SADD', own('held:' .. session), unpack(held))
  end
end
return { now, claimed, isMore }
`,
);
