/**
 * Deals with a job that stands where only ready and delayed ones do, and is neither:
 * `dismiss(queue, id, text)`. Needs `SPOIL` and `now`.
 */
export const DISMISS = `
local KNOWN = { READY = true, RUNNING = true, SUCCESSFUL = true, FAILED = true }
local function dismiss(queue, id, text)
  if text and not KNOWN[statusOf(text)] then spoil(queue, id, text, now) end
end
`;

/**
 * Makes delayed tasks that fell due ready, and finds what BullMQ's tools changed: `refresh()`.
 * Bounded: `isBehind()` says that more may be due, among it what should run first. `sweepIdle()`
 * looks further when a claim found nothing. Needs `ADOPT`, `HEADS`, `DISMISS`, `SERVED` and `now`.
 */
export const REFRESH = `
local PROMOTED, SWEPT, SWEPT_IDLE, QUEUES = 1000, 20, 500, 100
local promotions, queuesLeft = 0, false
local function isBehind() return promotions >= PROMOTED or queuesLeft end

-- Whether all that is due has been made ready.
local function promote(queue)
  local delayed = of(queue, 'delayed')
  local isDue = (now + 1) * 4096 - 1
  local skipped = 0
  for _ = 1, 10 do
    if promotions >= PROMOTED then return false end
    local ids = call('ZRANGEBYSCORE', delayed, '-inf', isDue, 'LIMIT', skipped, 500)
    local due = {}
    for _, id in ipairs(ids) do
      local job = of(queue, id)
      local values = jobValues(job, 'status', 'priority', 'runAfter', 'timestamp', 'name')
      if statusOf(values[1]) == 'READY' then
        due[#due + 1] = id
        call('HDEL', job, 'delay')
        tell(queue, id, 'waiting', 'prev', 'delayed')
        local score = readyScore(values[2], tonumber(values[3]) or tonumber(values[4]) or now)
        add(of(queue, 'prioritized'), score, id)
        lower(own('ready'), score, queue)
      elseif values[1] or not values[5] then
        due[#due + 1] = id
        dismiss(queue, id, values[1])
      else
        -- A job of BullMQ's.
        skipped = skipped + 1
      end
    end
    if #due > 0 then call('ZREM', delayed, unpack(due)) end
    promotions = promotions + #due
    if #ids < 500 then return true end
  end
  return false
end

local function promoteServed()
  local queues = call('ZRANGEBYSCORE', own('due'), '-inf', (now + 1) * 4096 - 1, 'LIMIT', 0, QUEUES)
  for _, queue in ipairs(queues) do
    if promote(queue) then
      local later = call('ZRANGEBYSCORE', of(queue, 'delayed'), string.format('%.0f', (now + 1) * 4096), '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
      setHead(own('due'), queue, later[2])
    end
    if promotions >= PROMOTED then return end
  end
  queuesLeft = #queues == QUEUES and promotions > 0
end

-- Answers whether it found a task.
local function sweep(count)
  local isNew = false
  for _, queue in ipairs(call('SRANDMEMBER', own('queues'), count)) do
    isNew = adopt(queue, now) or isNew
    lowerDue(queue)
    local isParked = call('SISMEMBER', own('parked'), queue) == 1
    if not isPaused(queue) and (isParked or not call('ZSCORE', own('ready'), queue)) then isNew = restore(queue) or isNew end
  end
  return isNew
end

-- Claims that find nothing look at many queues, but all workers together only so often.
local function sweepIdle()
  if listed or call('SCARD', own('queues')) <= SWEPT then return false end
  return call('SET', own('swept'), 1, 'NX', 'PX', 500) and sweep(SWEPT_IDLE)
end

local function refresh()
  if listed then
    for _, queue in ipairs(listed) do
      adopt(queue, now)
      promote(queue)
    end
  else
    sweep(SWEPT)
    promoteServed()
  end
  addAll()
  lowerAll()
end
`;
