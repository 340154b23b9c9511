import { ADOPT } from "./adopt.ts";
import { UNLIST } from "./index-parts.ts";
import { DISPLACE, LOWER, PLACE } from "./lanes.ts";
import { LOGS } from "./logs.ts";
import {
  ADDITIONS,
  CLOCK,
  EVEN_WHEN_FULL,
  FIND,
  FREE_KEY,
  OURS,
  SCORES,
  VALUES,
  WAKE,
} from "./parts.ts";
import { PAUSED } from "./pause.ts";
import { defineScript, type Script } from "./script.ts";

/**
 * Reads results. Arguments: 1 to do without large arguments; then for each result queue or "", id. Answers with the time, then for each its queue and hash,
 * both empty when there is none; for those at the end not at all, if the answer would get too large.
 */
export const READ: Script = defineScript(
  CLOCK,
  SCORES,
  OURS,
  FIND,
  ADOPT,
  PAUSED,
  `
local BYTES, LARGE = 4 * 2 ^ 20, 10000
local now = clock()
local answer, bytes = { now }, 0

local function fieldsOf(job)
  if ARGV[1] ~= '1' or call('HSTRLEN', job, 'data') < LARGE then return call('HGETALL', job) end
  local fields = {}
  for _, name in ipairs(call('HKEYS', job)) do
    if name ~= 'data' then
      fields[#fields + 1] = name
      fields[#fields + 1] = call('HGET', job, name)
    end
  end
  return fields
end

for at = 2, #ARGV, 2 do
  local queue, id = ARGV[at], ARGV[at + 1]
  if queue == '' then queue = queueOf(id) end
  local fields = {}
  if queue then adopt(queue, now) end
  if queue and isOurs(queue, id) then
    fields = fieldsOf(of(queue, id))
    if isPaused(queue) then fields[#fields + 1], fields[#fields + 2] = 'isPaused', '1' end
  end
  for field = 2, #fields, 2 do bytes = bytes + #fields[field] end
  answer[#answer + 1] = { queue or '', fields }
  if bytes > BYTES then break end
end
return answer
`,
);

/**
 * Stores what a transition made of a result, if nobody has changed it since it was read.
 *
 * Arguments, for each: queue, id, the field `status` and revision as they were read; the heartbeat with which its session must have died, or ""; the new status, BullMQ's
 * priority, due time; the number of values that follow, and fields with their values. Answers for each with 1 when it was stored.
 */
export const SAVE: Script = defineScript(
  EVEN_WHEN_FULL,
  CLOCK,
  SCORES,
  ADDITIONS,
  LOWER,
  PLACE,
  VALUES,
  DISPLACE,
  WAKE,
  FREE_KEY,
  LOGS,
  `
local now = clock()
local answers, finished = {}, {}
local wakes = false
local at = 1
while at <= #ARGV do
  local queue, id, text, after = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 5]
  local count = tonumber(ARGV[at + 8])
  local job = of(queue, id)
  local values = jobValues(job, 'status', 'revision', 'uniqueKey', 'uniqueScope')
  local isSame = values[1] == text and (values[2] or '') == ARGV[at + 3]
  local session = string.match(text, '^%u+ %d+ (%S+)') or ''
  if isSame and ARGV[at + 4] ~= '' then
    isSame = (call('HGET', own('beats'), session) or '0') == ARGV[at + 4]
  end
  if isSame then
    local before = statusOf(text) or ''
    call('HSET', job, 'status', after .. string.sub(text, #before + 1), 'revision', (tonumber(values[2]) or 0) + 1,
      unpack(ARGV, at + 9, at + 8 + count))
    for field = at + 9, at + 8 + count, 2 do
      if ARGV[field] == 'logs' then keepLogs(job, ARGV[field + 1]) end
    end
    if before ~= after then
      if before == 'RUNNING' then
        call('LREM', of(queue, 'active'), -1, id)
        call('SREM', own('held:' .. session), queue .. ':' .. id)
      elseif before == 'READY' then
        displace(queue, id)
      else
        call('ZREM', of(queue, before == 'FAILED' and 'failed' or 'completed'), id)
      end
      if after == 'READY' then
        local due = tonumber(ARGV[at + 7])
        place(queue, id, tonumber(ARGV[at + 6]), due, now)
        if due > now then tell(queue, id, 'delayed', 'delay', ARGV[at + 7])
        else tell(queue, id, 'waiting', 'prev', before == 'RUNNING' and 'active' or 'failed') end
        wakes = true
      else
        add(of(queue, after == 'FAILED' and 'failed' or 'completed'), now, id)
        freeKey(queue, id, values[3], values[4])
        finished[#finished + 1] = id
        if after == 'FAILED' then
          tell(queue, id, 'failed', 'failedReason', call('HGET', job, 'failedReason') or '', 'prev', 'active')
        else
          tell(queue, id, 'completed', 'returnvalue', call('HGET', job, 'returnvalue') or 'null', 'prev', 'active')
        end
      end
    end
  end
  answers[#answers + 1] = isSame and 1 or 0
  at = at + 9 + count
end
addAll()
lowerAll()
if wakes then wake() end
if #finished > 0 then call('PUBLISH', own('finished'), table.concat(finished, ' ')) end
return answers
`,
);

/**
 * Needs `VALUES`, `DISPLACE`, `UNLIST` and `FREE_KEY`. Takes away a job and its places, but those
 * that BullMQ's tools have put it into meanwhile.
 */
const REMOVE = `
local PLACES = { READY = 'prioritized', SUCCESSFUL = 'completed', FAILED = 'failed' }
local function remove(queue, id, values)
  local status = statusOf(values[1])
  local name = PLACES[status]
  if status == 'READY' then displace(queue, id)
  elseif name then call('ZREM', of(queue, name), id) end
  unlist(queue, id, numberOf(values[1]))
  freeKey(queue, id, values[2], values[3])
  call('DEL', of(queue, id), of(queue, id) .. ':logs')
  call('HDEL', own('given'), id)
  tell(queue, id, 'removed', 'prev', name or '')
end
`;

/** Deletes a result that is not running. Argument: id. Answers with 1, 0 when it is running, -1 when there is none. */
export const DELETE: Script = defineScript(
  EVEN_WHEN_FULL,
  OURS,
  FIND,
  FREE_KEY,
  VALUES,
  DISPLACE,
  UNLIST,
  REMOVE,
  `
local queue = queueOf(ARGV[1])
if not queue then return -1 end
local values = jobValues(of(queue, ARGV[1]), 'status', 'uniqueKey', 'uniqueScope')
if statusOf(values[1]) == 'RUNNING' then return 0 end
remove(queue, ARGV[1], values)
return 1
`,
);

/** Tells whether a finished job may be pruned: `isPrunable(queue, id, values)`. Needs `VALUES`. */
const PRUNABLE = `
local function prunableValues(queue, id) return jobValues(of(queue, id), 'status', 'uniqueKey', 'uniqueScope') end
local function isPrunable(queue, id, values)
  local status = statusOf(values[1])
  if status ~= 'SUCCESSFUL' and status ~= 'FAILED' then return false end
  -- A result stays while the window of its unique key lasts: the next enqueue of the task returns it.
  return values[3] ~= 'window' or call('GET', own('unique:' .. (values[2] or ''))) ~= queue .. ':' .. id
end
`;

/**
 * Deletes finished results, oldest first.
 *
 * Arguments: queue, "completed" or "failed", age in milliseconds, most, how many to pass over. Answers with the number deleted, and the number of those
 * that stay: jobs that are not ours, and results that hold a window.
 */
export const PRUNE: Script = defineScript(
  EVEN_WHEN_FULL,
  CLOCK,
  FREE_KEY,
  VALUES,
  DISPLACE,
  UNLIST,
  REMOVE,
  PRUNABLE,
  `
local queue, kind = ARGV[1], ARGV[2]
local ids = call('ZRANGEBYSCORE', of(queue, kind), '-inf', clock() - ARGV[3], 'LIMIT', ARGV[5], ARGV[4])
local deleted = 0
for _, id in ipairs(ids) do
  local values = prunableValues(queue, id)
  if isPrunable(queue, id, values) then
    remove(queue, id, values)
    deleted = deleted + 1
  end
end
return { deleted, #ids - deleted }
`,
);

/**
 * Counts what `PRUNE` would delete, a part at a time.
 *
 * Arguments: queue, "completed" or "failed", age in milliseconds, most, how many to pass over.
 * Answers with the number, and how many were looked at.
 */
export const COUNT_PRUNABLE: Script = defineScript(
  CLOCK,
  VALUES,
  PRUNABLE,
  `
local queue, kind, latest = ARGV[1], ARGV[2], clock() - ARGV[3]
local page = call('ZRANGE', of(queue, kind), ARGV[5], ARGV[5] + ARGV[4] - 1, 'WITHSCORES')
local count = 0
for at = 1, #page, 2 do
  if tonumber(page[at + 1]) > latest then return { count, 0 } end
  if isPrunable(queue, page[at], prunableValues(queue, page[at])) then count = count + 1 end
end
return { count, #page / 2 }
`,
);

/**
 * Counts finished jobs, those that stay included. Arguments, for each: queue, "completed" or
 * "failed", age.
 */
export const COUNT_FINISHED: Script = defineScript(
  CLOCK,
  `
local now = clock()
local answer = {}
for at = 1, #ARGV, 3 do
  answer[#answer + 1] = call('ZCOUNT', of(ARGV[at], ARGV[at + 1]), '-inf', now - ARGV[at + 2])
end
return answer
`,
);
