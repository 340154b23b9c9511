import { ADOPT } from "./adopt.ts";
import { INDEX } from "./index-parts.ts";
import { LOGS } from "./logs.ts";
import { PAUSED } from "./pause.ts";
import { defineScript, type Script } from "./script.ts";

/** Reads results. Arguments, for each: queue or "", id. Answers with the time, then for each its queue and hash; both empty when there is none. */
export const READ: Script = defineScript(
  ADOPT,
  PAUSED,
  `
local now = clock()
local answer = { now }
for at = 1, #ARGV, 2 do
  local queue, id = ARGV[at], ARGV[at + 1]
  if queue == '' then queue = queueOf(id) end
  local fields = {}
  if queue then adopt(queue, now) end
  if queue and isOurs(queue, id) then
    fields = call('HGETALL', of(queue, id))
    if isPaused(queue) then fields[#fields + 1], fields[#fields + 2] = 'isPaused', '1' end
  end
  answer[#answer + 1] = { queue or '', fields }
end
return answer
`,
);

/**
 * Stores what a transition made of a result, if nobody has changed it since it was read.
 *
 * Arguments, for each: queue, id, the field `status` and revision as they were read; 1 when its session's lease must be over; the new status, BullMQ's
 * priority, due time; the number of values that follow, and fields with their values. Answers for each with 1 when it was stored.
 */
export const SAVE: Script = defineScript(
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
  local values = call('HMGET', job, 'status', 'revision', 'uniqueKey', 'uniqueScope')
  local isSame = values[1] == text and (values[2] or '') == ARGV[at + 3]
  local session = string.match(text, '^%u+ %d+ (%S+)') or ''
  if isSame and ARGV[at + 4] == '1' then
    local lease = call('ZSCORE', own('leases'), session)
    isSame = not lease or tonumber(lease) <= now
  end
  if isSame then
    local before = statusOf(text)
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
        call('ZREM', of(queue, 'prioritized'), id)
        call('ZREM', of(queue, 'delayed'), id)
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
if wakes then wake() end
if #finished > 0 then call('PUBLISH', own('finished'), table.concat(finished, ' ')) end
return answers
`,
);

/** Takes away a job and its places, but those that BullMQ's tools have put it into meanwhile. */
const REMOVE = `
local PLACES = { READY = { 'prioritized', 'delayed' }, SUCCESSFUL = { 'completed' }, FAILED = { 'failed' } }
local function remove(queue, id, values)
  local places = PLACES[statusOf(values[1])] or {}
  for _, name in ipairs(places) do call('ZREM', of(queue, name), id) end
  unlist(queue, id, numberOf(values[1]))
  freeKey(queue, id, values[2], values[3])
  call('DEL', of(queue, id), of(queue, id) .. ':logs')
  tell(queue, id, 'removed', 'prev', places[1] or '')
end
`;

/** Deletes a result that is not running. Argument: id. Answers with 1, 0 when it is running, -1 when there is none. */
export const DELETE: Script = defineScript(
  INDEX,
  REMOVE,
  `
local queue = queueOf(ARGV[1])
if not queue then return -1 end
local values = call('HMGET', of(queue, ARGV[1]), 'status', 'uniqueKey', 'uniqueScope')
if statusOf(values[1]) == 'RUNNING' then return 0 end
remove(queue, ARGV[1], values)
return 1
`,
);

/**
 * Deletes finished results, oldest first.
 *
 * Arguments: queue, "completed" or "failed", age in milliseconds, most, how many to pass over. Answers with the number deleted, and the number of those
 * that are not ours.
 */
export const PRUNE: Script = defineScript(
  INDEX,
  REMOVE,
  `
local queue, kind = ARGV[1], ARGV[2]
local ids = call('ZRANGEBYSCORE', of(queue, kind), '-inf', clock() - ARGV[3], 'LIMIT', ARGV[5], ARGV[4])
local deleted = 0
for _, id in ipairs(ids) do
  local values = call('HMGET', of(queue, id), 'status', 'uniqueKey', 'uniqueScope')
  local status = statusOf(values[1])
  if status == 'SUCCESSFUL' or status == 'FAILED' then
    remove(queue, id, values)
    deleted = deleted + 1
  end
end
return { deleted, #ids - deleted }
`,
);

/** Counts what \`PRUNE\` would delete. Arguments: queue, kind, age. */
export const COUNT_FINISHED: Script = defineScript(`
return call('ZCOUNT', of(ARGV[1], ARGV[2]), '-inf', clock() - ARGV[3])
`);
