import { ENLIST } from "./index-parts.ts";
import { INSERT } from "./insert.ts";
import { LOWER, PLACE } from "./lanes.ts";
import { ADDITIONS, CLOCK, EVEN_WHEN_FULL, OURS, SCORES, WAKE } from "./parts.ts";
import { defineScript, type Script } from "./script.ts";

const PARTS = [CLOCK, SCORES, ADDITIONS, LOWER, PLACE, WAKE, OURS, ENLIST, INSERT];

/**
 * Stores tasks.
 *
 * Arguments: "all" for all or none, else "each"; then for each request queue, id, task name, arguments, BullMQ's priority, maxLost, metadata, due time,
 * delay, unique key, scope, window, "reject" for a conflict that is an error, and "given" for an id that may be there already. Empty texts stand for nothing.
 *
 * Answers with the time, and one entry for each request that was not stored: its number, queue, id and hash of what has its id or key; without a hash, its id
 * is the name of a key that is none of ours.
 * With "all", the first conflict that is an error is the only answer.
 */
export const ENQUEUE: Script = defineScript(
  ...PARTS,
  `
local now = clock()
local count = (#ARGV - 1) / STRIDE
local function conflict(number, queue, id)
  local fields = call('HGETALL', of(queue, id))
  -- One of a batch that is not published yet.
  if #fields == 0 then fields = { 'status', 'READY' } end
  return { number, queue, id, fields }
end

if ARGV[1] == 'all' then
  local taken, given = {}, {}
  for number = 0, count - 1 do
    local at = 1 + number * STRIDE
    local key = ARGV[at + 10]
    local found = whatIs(ARGV[at + 1], ARGV[at + 2])
    if found == 'foreign' then return { now, { number, ARGV[at + 1], ARGV[at + 2], {} } } end
    if ARGV[at + 14] == 'given' then
      if given[ARGV[at + 2]] or queueOfGiven(ARGV[at + 2]) then found = 'stored' end
      given[ARGV[at + 2]] = true
    end
    if key ~= '' and found == 'free' then
      local queue, id = holderOf(key)
      local isReject = ARGV[at + 13] == 'reject'
      -- The other task of this batch is not stored yet: its hash stands for itself.
      if taken[key] and isReject then return { now, { number, ARGV[at + 1], taken[key], { 'status', 'READY' } } } end
      if not id then taken[key] = ARGV[at + 2]
      elseif isReject then return { now, conflict(number, queue, id) } end
    end
  end
end

local sequence = call('INCRBY', own('sequence'), count) - count
local answer = { now }
local function refuse(number, queue, id, isForeign)
  answer[#answer + 1] = isForeign and { number, queue, id, {} } or conflict(number, queue, id)
end
for number = 0, count - 1 do
  insert(ARGV, 1 + number * STRIDE, number, sequence + number + 1, now, refuse, count == 1)
end
insertAll()
return answer
`,
);

/**
 * A batch that is too large for one script is stored in four steps, and all or none of it: `STAGE`
 * keeps its requests in a list, a part at a time; `COMMIT` makes the batch certain; `PUBLISH` makes
 * tasks of its requests, a part at a time, and is repeated until none is left, by a worker if the
 * caller is gone. `DISCARD` drops the lists of a batch that is not certain. `@batches` holds those
 * that are: time, number of the first enqueue, requests. `REFUSED` then tells the caller which
 * requests became no tasks, as their id or unique key was taken.
 *
 * One conflict may reject a batch as a whole. `COMMIT` therefore takes the keys of such a batch,
 * which `STAGE` kept in a list of their own; `@reserved` holds the ids of tasks that have their key
 * and are not published yet.
 */
const BATCH = `
local batches, batch = own('batches'), ARGV[1]
local list = own('batch:' .. batch)
`;

/**
 * Arguments: batch, "reject" when a conflict may reject it, then requests as for `ENQUEUE`. Answers
 * with 1, or with 0 and the queue and id of a request whose id is the name of a key that is none of
 * ours.
 */
export const STAGE: Script = defineScript(
  ...PARTS,
  BATCH,
  `
local first = call('LLEN', list) / STRIDE
local keys = {}
for at = 2, #ARGV - 1, STRIDE do
  local queue, id, key = ARGV[at + 1], ARGV[at + 2], ARGV[at + 10]
  if whatIs(queue, id) == 'foreign' then return { 0, queue, id } end
  call('RPUSH', list, unpack(ARGV, at + 1, at + STRIDE))
  if ARGV[2] == 'reject' and key ~= '' then
    local window = ARGV[at + 11] == 'window' and ARGV[at + 12] or ''
    for _, value in ipairs({ first + (at - 2) / STRIDE, queue, id, key, window, ARGV[at + 13], ARGV[at + 14] }) do keys[#keys + 1] = value end
  end
end
-- A caller that is gone leaves nothing behind.
call('PEXPIRE', list, 600000)
if #keys > 0 then
  call('RPUSH', list .. ':keys', unpack(keys))
  call('PEXPIRE', list .. ':keys', 600000)
end
return { 1 }
`,
);

/**
 * Arguments: batch, number of requests. Answers with the time; with 0 when a part of the batch is
 * missing; with queue and id of what holds a key, when that rejects the batch, and the number of
 * the request.
 */
export const COMMIT: Script = defineScript(
  ...PARTS,
  BATCH,
  `
local count = tonumber(ARGV[2])
if call('LLEN', list) ~= count * STRIDE then return 0 end
local VALUES, AT_ONCE = 7, 3500
local keys = list .. ':keys'
local mine, given, reserved = {}, {}, own('reserved')
local function split(holder) return string.match(holder, '^([^:]*):(.*)$') end
local function giveBack()
  for key, holder in pairs(mine) do
    local _, id = split(holder)
    call('DEL', own('unique:' .. key))
    call('SREM', reserved, id)
  end
end
for first = 0, call('LLEN', keys) - 1, AT_ONCE do
  local values, ids = call('LRANGE', keys, first, first + AT_ONCE - 1), {}
  for at = 0, #values - 1, VALUES do
    local number, queue, id, key, window, onConflict, isGiven = unpack(values, at + 1, at + VALUES)
    local isThere = isGiven ~= '' and (given[id] or queueOfGiven(id))
    if isGiven ~= '' then given[id] = true end
    if not isThere then
      local holderQueue, holder
      if mine[key] then holderQueue, holder = split(mine[key]) else holderQueue, holder = holderOf(key) end
      if holder and onConflict == 'reject' then
        giveBack()
        return { tonumber(number), holderQueue, holder }
      end
      -- A window of nothing holds no key.
      if not holder and window ~= '0' then
        mine[key] = queue .. ':' .. id
        ids[#ids + 1] = id
        if window == '' then call('SET', own('unique:' .. key), mine[key])
        else call('SET', own('unique:' .. key), mine[key], 'PX', window) end
      end
    end
  end
  if #ids > 0 then call('SADD', reserved, unpack(ids)) end
end
call('DEL', keys)
local now = clock()
local sequence = call('INCRBY', own('sequence'), count) - count
call('PERSIST', list)
call('HSET', batches, batch, string.format('%.0f %.0f %.0f', now, sequence, count))
return now
`,
);

/**
 * Argument: batch. Answers with the number of requests that are left. Those whose id or key is
 * taken are noted for `REFUSED`.
 */
export const PUBLISH: Script = defineScript(
  EVEN_WHEN_FULL,
  ...PARTS,
  BATCH,
  `
local REQUESTS, BYTES = 250, 4 * 2 ^ 20
local now, sequence, count = string.match(call('HGET', batches, batch) or '', '^(%d+) (%d+) (%d+)$')
if not now then return 0 end
now, sequence, count = tonumber(now), tonumber(sequence), tonumber(count)
local left, bytes = call('LLEN', list) / STRIDE, 0
local refused = {}
local function refuse(number, queue, id, isForeign)
  if isForeign then return end
  for _, value in ipairs({ number, queue, id }) do refused[#refused + 1] = value end
end
for _ = 1, REQUESTS do
  if left == 0 or bytes > BYTES then break end
  local values = call('LPOP', list, STRIDE)
  local number = count - left
  insert(values, 0, number, sequence + number + 1, now, refuse, false)
  left = left - 1
  bytes = bytes + #values[4]
end
if left == 0 then call('HDEL', batches, batch) end
insertAll()
if #refused > 0 then
  call('RPUSH', list .. ':refused', unpack(refused))
  -- A caller that is gone leaves nothing behind.
  call('PEXPIRE', list .. ':refused', 600000)
end
return left
`,
);

/**
 * Argument: batch. Answers with the number, queue and id of requests that were refused, with none
 * after the last.
 */
export const REFUSED: Script = defineScript(
  EVEN_WHEN_FULL,
  BATCH,
  "return call('LPOP', list .. ':refused', 3000) or {}",
);

/** Argument: batch. */
export const DISCARD: Script = defineScript(
  EVEN_WHEN_FULL,
  BATCH,
  "if call('HEXISTS', batches, batch) == 0 then call('DEL', list, list .. ':keys') end",
);

/** Batches that are certain and not published to the end. */
export const BATCHES: Script = defineScript("return call('HKEYS', own('batches'))");
