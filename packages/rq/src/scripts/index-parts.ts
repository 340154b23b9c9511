/**
 * Puts a result into the list of its queue, in the order of enqueues: `enlist(queue, id, number, isAlone)`. Needs `ADDITIONS`.
 *
 * They are in parts of at most 64 results, `index:<number of the first>`, which Redis keeps packed: a third of what a single large set takes. `index`
 * holds where the parts begin.
 */
export const ENLIST = `
local PART = 64
local lastParts = {}

local function enlist(queue, id, number, isAlone)
  local index = of(queue, 'index')
  local last = lastParts[queue]
  if not last then
    local first = call('ZREVRANGE', index, 0, 0)[1]
    last = { first = first, size = PART }
    -- A lone enqueue needs no count of a part whose numbers are too few to fill it.
    if first and isAlone and number - first < PART then last.size = 0
    elseif first then last.size = call('ZCARD', index .. ':' .. first) end
    lastParts[queue] = last
  end
  if last.size >= PART then
    last.first, last.size = number, 0
    add(index, number, number)
  end
  last.size = last.size + 1
  add(index .. ':' .. last.first, number, id)
end
`;

/** Takes a result out of the list: `unlist(queue, id, number)`. */
export const UNLIST = `
local function unlist(queue, id, number)
  local index = of(queue, 'index')
  local first = call('ZREVRANGEBYSCORE', index, number, '-inf', 'LIMIT', 0, 1)[1]
  if not first then return end
  local part = index .. ':' .. first
  call('ZREM', part, id)
  if call('EXISTS', part) == 1 then return end
  call('ZREM', index, first)
  -- Whoever looks for a result looks in every queue that is known.
  local isPaused = call('HEXISTS', of(queue, 'meta'), 'paused') == 1
  if call('EXISTS', index) == 0 and not isPaused then call('SREM', own('queues'), queue) end
end
`;
