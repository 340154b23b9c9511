import type { Part } from "./script.ts";

/** What several scripts share, beside names of keys. A script names the parts it needs: its commands are the rights its user must have. */

/**
 * Lets a script write while the server is over `maxmemory`, so that work goes on and makes room. Redis refuses no more than the first write of a script, and
 * no command that cannot take memory. To be the first part of every script that does not add tasks.
 */
export const EVEN_WHEN_FULL = "call('DEL', own('none'))";

/** The server's clock, in milliseconds. */
export const CLOCK = `
local function clock()
  local time = call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
`;

/**
 * The score of a ready job: its priority and its due time. Equals are told apart by the id, which sorts by time. All scores are negative, and those that
 * BullMQ itself would give are positive: jobs that are not ours stand behind ours, and are never looked at.
 */
export const SCORES = `
local LEVEL = 2 ^ 42
local SHIFT = 2 ^ 50
local function readyScore(priority, due)
  priority, due = tonumber(priority), tonumber(due) or 0
  -- Damaged values must not lead out of the range.
  if not (priority and priority >= 1 and priority <= 201) then priority = 101 end
  return (priority - 1) * LEVEL + math.min(math.max(0, due), LEVEL - 1) - SHIFT
end
`;

/** Adds members to sorted sets: `add`, which takes effect with `addAll`. */
export const ADDITIONS = `
-- Many sorted set additions as few calls.
local additions = {}
local function add(key, score, member)
  local list = additions[key]
  if not list then
    list = {}
    additions[key] = list
  end
  list[#list + 1] = score
  list[#list + 1] = member
  if #list >= 2000 then
    call('ZADD', key, unpack(list))
    additions[key] = nil
  end
end
local function addAll()
  for key, list in pairs(additions) do call('ZADD', key, unpack(list)) end
  additions = {}
end
`;

/** Tells those who wait for work, of whom the first to wait left a mark. */
export const WAKE = `
local function wake()
  if call('DEL', own('idle')) == 1 then call('PUBLISH', own('work'), '') end
end
`;

/**
 * Reads fields of a job: `jobValues(job, name, …)`. A key of that name may hold anything: then
 * there are none.
 */
export const VALUES = `
local function jobValues(job, ...)
  local reply = redis.pcall('HMGET', job, ...)
  return reply.err and {} or reply
end
`;

/** Reads all fields of a job: `jobFields(job)`; none when the key holds something else. */
export const FIELDS = `
local function jobFields(job)
  local reply = redis.pcall('HGETALL', job)
  return reply.err and {} or reply
end
`;

/**
 * Ends a task FAILED whose state cannot be read, so that it holds up nothing and is seen:
 * `spoil(queue, id, text, now)`, with the text of its field `status`. Takes it out of no place.
 * Optional: those that store outcomes have the right to publish anyway.
 */
export const SPOIL: Part = {
  optional: `
local function spoil(queue, id, text, now)
  local reason = 'The stored task is damaged: its status cannot be read.'
  local at = string.format('%.0f', now)
  local job = of(queue, id)
  call('HSET', job, 'status', 'FAILED 0 - ' .. string.format('%.0f', numberOf(text)), 'finishedOn', at, 'failedReason', reason,
    'errors', '[{"exceptionClass":"TypeError","message":"' .. reason .. '","attempt":0,"workerId":null,"occurredAt":' .. at .. '}]', 'stacktrace', '[]')
  call('ZADD', of(queue, 'failed'), at, id)
  tell(queue, id, 'failed', 'failedReason', reason, 'prev', 'active')
  redis.pcall('PUBLISH', own('finished'), id)
end
`,
};

/** Tells whether a job is one of ours: a key of that name may hold anything. */
export const OURS = `
local function isOurs(queue, id) return redis.pcall('HEXISTS', of(queue, id), 'status') == 1 end
`;

/** Finds the queue a result is in, for those who know its id only. Needs `OURS`. */
export const FIND = `
local function queueOf(id)
  for _, queue in ipairs(call('SMEMBERS', own('queues'))) do
    if isOurs(queue, id) then return queue end
  end
  return nil
end
`;

/** Frees the unique key that a result holds. */
export const FREE_KEY = `
local function freeKey(queue, id, key, scope)
  if key and key ~= '' and scope ~= 'window' then
    local name = own('unique:' .. key)
    if call('GET', name) == queue .. ':' .. id then call('DEL', name) end
  end
end
`;
