import { INDEX } from "./index-parts.ts";
import { defineScript, type Script } from "./script.ts";

/**
 * Stores tasks.
 *
 * Arguments: "all" for all or none, else "each"; then for each request queue, id, task name, arguments, BullMQ's priority, maxLost, metadata, due time,
 * delay, unique key, scope, window, and "reject" for a conflict that is an error. Empty texts stand for nothing.
 *
 * Answers with the time, and one entry for each request that was not stored: its number, queue, id and hash of the holder of its key; without a hash, its id
 * is the name of a key that is none of ours.
 * With "all", the first conflict that is an error is the only answer.
 */
export const ENQUEUE: Script = defineScript(
  INDEX,
  `
local now = clock()
local stride = 13
local count = (#ARGV - 1) / stride

local function holderOf(key)
  local holder = call('GET', own('unique:' .. key))
  if not holder then return nil end
  local queue, id = string.match(holder, '^([^:]*):(.*)$')
  if queue and isOurs(queue, id) then return queue, id end
  return nil
end

local function conflict(number, queue, id)
  return { number, queue, id, call('HGETALL', of(queue, id)) }
end

-- A client may send a command twice when its connection broke: then the task is there.
local function whatIs(queue, id)
  if call('EXISTS', of(queue, id)) == 0 then return 'free' end
  return isOurs(queue, id) and 'stored' or 'foreign'
end

if ARGV[1] == 'all' then
  local taken = {}
  for number = 0, count - 1 do
    local at = 1 + number * stride
    local key = ARGV[at + 10]
    local found = whatIs(ARGV[at + 1], ARGV[at + 2])
    if found == 'foreign' then return { now, { number, ARGV[at + 1], ARGV[at + 2], {} } } end
    if key ~= '' and found == 'free' then
      local queue, id = holderOf(key)
      if taken[key] then queue, id = ARGV[at + 1], taken[key] end
      if not id then taken[key] = ARGV[at + 2]
      elseif ARGV[at + 13] == 'reject' then return { now, conflict(number, queue, id) } end
    end
  end
end

local sequence = call('INCRBY', own('sequence'), count) - count
local answer = { now }
local seen = {}
for number = 0, count - 1 do
  local at = 1 + number * stride
  local queue, id, priority, key = ARGV[at + 1], ARGV[at + 2], ARGV[at + 5], ARGV[at + 10]
  local found = whatIs(queue, id)
  local holderQueue, holder
  if key ~= '' and found == 'free' then holderQueue, holder = holderOf(key) end
  if found == 'stored' then
    -- Nothing is left to do.
  elseif found == 'foreign' then
    answer[#answer + 1] = { number, queue, id, {} }
  elseif holder then
    answer[#answer + 1] = conflict(number, holderQueue, holder)
  else
    local due = now
    local runAfter = ''
    if ARGV[at + 8] ~= '' then runAfter = ARGV[at + 8]
    elseif ARGV[at + 9] ~= '' then runAfter = string.format('%.0f', now + ARGV[at + 9]) end
    if runAfter ~= '' then due = tonumber(runAfter) end
    local fields = {
      'name', ARGV[at + 3], 'data', ARGV[at + 4], 'priority', priority, 'timestamp', now,
      'status', 'READY 0 - ' .. sequence + number + 1,
    }
    local function set(name, value)
      if value == '' then return end
      fields[#fields + 1] = name
      fields[#fields + 1] = value
    end
    -- What is as usual takes no room.
    if due > now then
      local delay = string.format('%.0f', due - now)
      set('delay', delay)
      set('opts', '{"priority":' .. priority .. ',"delay":' .. delay .. '}')
    elseif priority ~= '101' then set('opts', '{"priority":' .. priority .. '}') end
    if ARGV[at + 6] ~= '3' then set('maxLost', ARGV[at + 6]) end
    set('metadata', ARGV[at + 7])
    set('runAfter', runAfter)
    if key ~= '' then
      local scope = ARGV[at + 11]
      set('uniqueKey', key)
      set('uniqueScope', scope)
      local name = own('unique:' .. key)
      if scope ~= 'window' then call('SET', name, queue .. ':' .. id)
      elseif tonumber(ARGV[at + 12]) > 0 then call('SET', name, queue .. ':' .. id, 'PX', ARGV[at + 12]) end
    end
    call('HSET', of(queue, id), unpack(fields))
    enlist(queue, id, sequence + number + 1, count == 1)
    place(queue, id, tonumber(priority), due, now)
    tell(queue, id, 'added', 'name', ARGV[at + 3])
    if due > now then tell(queue, id, 'delayed', 'delay', string.format('%.0f', due)) else tell(queue, id, 'waiting') end
    if not seen[queue] then
      seen[queue] = true
      call('SADD', own('queues'), queue)
    end
  end
end
addAll()
wake()
return answer
`,
);
