/**
 * Notes that a queue has a task that is ready or due at a score: `lower`, which takes effect with `lowerAll`. So ready tasks are found in any number of queues
 * without a look at each.
 *
 * `@ready` holds queues by the score of their first ready task, `@due` by that of their first delayed one: never more than it is, and mostly the same. Who meets
 * a score that is too low puts it right. Queues that are paused are in `@parked` instead, once a claim has met them.
 *
 * A ready task that the worker of a claim does not know is set aside, so that no claim meets it twice: it moves from `prioritized` to `aside:<name>` of its
 * queue, where only workers that know it look, by `@ready:<name>`. `@aside` holds the names. BullMQ's tools find it in `waiting-children`.
 */
export const LOWER = `
local lowered = {}
local function lower(key, score, queue)
  local list = lowered[key]
  if not list then
    list = {}
    lowered[key] = list
  end
  if not list[queue] or score < list[queue] then list[queue] = score end
end
local function lowerAll()
  for key, list in pairs(lowered) do
    local values = {}
    for queue, score in pairs(list) do
      values[#values + 1] = score
      values[#values + 1] = queue
      if #values == 2000 then
        call('ZADD', key, 'LT', unpack(values))
        values = {}
      end
    end
    if #values > 0 then call('ZADD', key, 'LT', unpack(values)) end
  end
  lowered = {}
end
`;

/** Puts right where claims look for a queue: `setHead`, `lowerDue` and `restore`. */
export const HEADS = `
-- The score of the first job of ours in a place.
local function firstOf(key)
  local first = call('ZRANGE', key, 0, 0, 'WITHSCORES')
  local score = tonumber(first[2])
  return score and score < 0 and score or nil
end

local function setHead(index, queue, score)
  if score then call('ZADD', index, score, queue)
  else call('ZREM', index, queue) end
end

local function lowerDue(queue)
  local delayed = call('ZRANGE', of(queue, 'delayed'), 0, 0, 'WITHSCORES')
  if delayed[2] then call('ZADD', own('due'), 'LT', delayed[2], queue) end
end

-- Enters a queue where claims look for it. Answers whether it has a ready task.
local function restore(queue)
  call('SREM', own('parked'), queue)
  local first = firstOf(of(queue, 'prioritized'))
  setHead(own('ready'), queue, first)
  for _, name in ipairs(call('SMEMBERS', own('aside'))) do
    local score = firstOf(of(queue, 'aside:' .. name))
    if score then call('ZADD', own('ready:' .. name), score, queue) end
  end
  lowerDue(queue)
  return first ~= nil
end
`;

/** Puts a ready task into its place: `place`, which takes effect with `addAll` and `lowerAll`. Needs `SCORES`, `ADDITIONS` and `LOWER`. */
export const PLACE = `
local function place(queue, id, priority, due, now)
  local score = due > now and due * 4096 or readyScore(priority, due)
  add(of(queue, due > now and 'delayed' or 'prioritized'), score, id)
  lower(own(due > now and 'due' or 'ready'), score, queue)
end
`;

/** Takes a ready task out of its place, wherever it is: `displace(queue, id)`. Needs `VALUES`. */
export const DISPLACE = `
local function displace(queue, id)
  if call('ZREM', of(queue, 'prioritized'), id) == 1 then return end
  if call('ZREM', of(queue, 'delayed'), id) == 1 then return end
  if call('ZREM', of(queue, 'waiting-children'), id) == 0 then return end
  call('ZREM', of(queue, 'aside:' .. (jobValues(of(queue, id), 'name')[1] or '')), id)
end
`;
