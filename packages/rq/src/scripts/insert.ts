/**
 * Stores requests: `insert(values, from, number, sequence, now, refuse, isAlone)`. A request is
 * `STRIDE` values behind `from`; `number` is its place in the call, `sequence` that of the enqueue.
 * One that is not stored is given to `refuse(number, queue, id, isForeign)`, with the job that has
 * its id or key. Needs `SCORES`, `ADDITIONS`, `LOWER`, `PLACE`, `OURS` and `ENLIST`; takes effect
 * with `insertAll`.
 */
export const INSERT = `
local STRIDE = 14
local queues = {}

-- A task of a batch that is certain holds its key before it is published.
local function isReserved(id) return call('SISMEMBER', own('reserved'), id) == 1 end

local function giveKeyBack(queue, id, key)
  local name = own('unique:' .. key)
  call('SREM', own('reserved'), id)
  if call('GET', name) == queue .. ':' .. id then call('DEL', name) end
end

local function holderOf(key)
  local holder = call('GET', own('unique:' .. key))
  if not holder then return nil end
  local queue, id = string.match(holder, '^([^:]*):(.*)$')
  if queue and (isOurs(queue, id) or isReserved(id)) then return queue, id end
  return nil
end

-- A given id is one of the whole backend, whatever queue the task is in.
local function queueOfGiven(id)
  local queue = call('HGET', own('given'), id)
  return queue and isOurs(queue, id) and queue or nil
end

-- A client may send a command twice when its connection broke: then the task is there.
local function whatIs(queue, id)
  if call('EXISTS', of(queue, id)) == 0 then return 'free' end
  return isOurs(queue, id) and 'stored' or 'foreign'
end

local function insert(values, at, number, sequence, now, refuse, isAlone)
  local queue, id, priority, key = values[at + 1], values[at + 2], values[at + 5], values[at + 10]
  local found = whatIs(queue, id)
  local isGiven = values[at + 14] == 'given'
  local holdsKey = key ~= '' and isReserved(id)
  if isGiven then
    local existing = queueOfGiven(id) or found == 'stored' and queue
    if existing then
      if holdsKey then giveKeyBack(queue, id, key) end
      return refuse(number, existing, id)
    end
  end
  -- Nothing is left to do.
  if found == 'stored' then return end
  if found == 'foreign' then
    if holdsKey then giveKeyBack(queue, id, key) end
    return refuse(number, queue, id, true)
  end
  if key ~= '' and not holdsKey then
    local holderQueue, holder = holderOf(key)
    if holder then return refuse(number, holderQueue, holder) end
  end
  local due = now
  local runAfter = ''
  if values[at + 8] ~= '' then runAfter = values[at + 8]
  elseif values[at + 9] ~= '' then runAfter = string.format('%.0f', now + values[at + 9]) end
  if runAfter ~= '' then due = tonumber(runAfter) end
  local fields = {
    'name', values[at + 3], 'data', values[at + 4], 'priority', priority, 'timestamp', now,
    'status', 'READY 0 - ' .. string.format('%.0f', sequence),
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
  if values[at + 6] ~= '3' then set('maxLost', values[at + 6]) end
  set('metadata', values[at + 7])
  set('runAfter', runAfter)
  if key ~= '' then
    local scope = values[at + 11]
    set('uniqueKey', key)
    set('uniqueScope', scope)
    local name = own('unique:' .. key)
    if holdsKey then call('SREM', own('reserved'), id)
    elseif scope ~= 'window' then call('SET', name, queue .. ':' .. id)
    elseif tonumber(values[at + 12]) > 0 then call('SET', name, queue .. ':' .. id, 'PX', values[at + 12]) end
  end
  call('HSET', of(queue, id), unpack(fields))
  if isGiven then call('HSET', own('given'), id, queue) end
  enlist(queue, id, sequence, isAlone)
  place(queue, id, tonumber(priority), due, now)
  tell(queue, id, 'added', 'name', values[at + 3])
  if due > now then tell(queue, id, 'delayed', 'delay', string.format('%.0f', due)) else tell(queue, id, 'waiting') end
  if not queues[queue] then
    queues[queue] = true
    call('SADD', own('queues'), queue)
  end
end

local function insertAll()
  addAll()
  lowerAll()
  wake()
end
`;
