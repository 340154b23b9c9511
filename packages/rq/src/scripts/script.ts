import { createHash } from "node:crypto";

import { EVENTS, SILENT } from "./events.ts";

/** A Lua script, and the digest by which a server that has seen it knows it. */
export interface CompiledScript {
  readonly lua: string;
  readonly sha: string;
}

/** A script, and the same telling BullMQ's `QueueEvents` what it does. */
export interface Script extends CompiledScript {
  readonly withEvents: CompiledScript;
}

/**
 * Puts a script together.
 *
 * All scripts are called with the root that all keys of a backend begin with: which jobs a script will touch is not known before, and the hash tag in the
 * root keeps everything on one node of a cluster.
 */
export function defineScript(...parts: readonly string[]): Script {
  return {
    ...compile(PRELUDE, SILENT, ...parts),
    withEvents: compile(PRELUDE, EVENTS, ...parts),
  };
}

function compile(...parts: readonly string[]): CompiledScript {
  const lua = parts.join("\n");
  return { lua, sha: createHash("sha1").update(lua).digest("hex") };
}

/**
 * What all scripts share: names of keys, the clock, and the places of a job.
 *
 * Keys of a queue are BullMQ's, plus its index (see `INDEX`). A queue's name has no "@", so the backend's own keys collide with no queue's.
 *
 * The field `status` makes a job one of ours. It holds the status, the fence and the session of the latest claim ("0 -" before the first), and the number
 * of the enqueue: one field, as each costs Redis more than what is in it.
 *
 * The score of a ready job holds its priority and its due time; equals are told apart by the id, which sorts by time. All scores are negative, and those
 * that BullMQ itself would give are positive: jobs that are not ours stand behind ours, and are never looked at.
 */
const PRELUDE = `
local call = redis.call
local root = KEYS[1]

local function own(name) return root .. ':@' .. name end
local function of(queue, name) return root .. ':' .. queue .. ':' .. name end

local function clock()
  local time = call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local LEVEL = 2 ^ 42
local SHIFT = 2 ^ 50

local function statusOf(text) return text and string.match(text, '^%u+') end
local function numberOf(text) return tonumber(text and string.match(text, ' (%d+)$')) or 0 end

local function readyScore(priority, due)
  return (priority - 1) * LEVEL + math.max(0, due) - SHIFT
end

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

local function place(queue, id, priority, due, now)
  if due > now then add(of(queue, 'delayed'), due * 4096, id)
  else add(of(queue, 'prioritized'), readyScore(priority, due), id) end
end

-- Tells those who wait for work, of whom the first to wait left a mark.
local function wake()
  if call('DEL', own('idle')) == 1 then call('PUBLISH', own('work'), '') end
end

-- A key of that name may hold anything.
local function isOurs(queue, id) return redis.pcall('HEXISTS', of(queue, id), 'status') == 1 end

-- The queue a result is in, for those who know its id only.
local function queueOf(id)
  for _, queue in ipairs(call('SMEMBERS', own('queues'))) do
    if isOurs(queue, id) then return queue end
  end
  return nil
end

local function freeKey(queue, id, key, scope)
  if key and key ~= '' and scope ~= 'window' then
    local name = own('unique:' .. key)
    if call('GET', name) == queue .. ':' .. id then call('DEL', name) end
  end
end
`;
