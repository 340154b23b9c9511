/**
 * The ready tasks that a claim may take, in the order in which they run: `nextSource()` gives the place whose first task is next. Needs `HEADS`, `PAUSED`, `SERVED`
 * and `limit`.
 *
 * A source is a place of ready jobs: `prioritized` of a queue, or what was set aside there of one name. `source.id` and `source.score` are of its first job.
 */
export const SOURCES = `
local PAGE, OPENED = 500, 250
local sources, openedOnce = {}, {}

-- Turns to the next job; source.id is nil at the end, and where jobs of others begin.
local function advance(source)
  source.at = source.at + 2
  if source.at > #source.page then
    local size = source.isWary and PAGE or math.min(PAGE, limit + 8)
    source.page = call('ZRANGE', source.key, source.from, source.from + size - 1, 'WITHSCORES')
    source.from = source.from + #source.page / 2
    source.at = 1
  end
  source.id, source.score = source.page[source.at], tonumber(source.page[source.at + 1])
  if source.score and source.score >= 0 then source.id = nil end
end

-- 'name' is that of tasks that were set aside.
local function openSource(queue, index, name)
  local key = of(queue, name and 'aside:' .. name or 'prioritized')
  local source = { queue = queue, key = key, index = index, name = name, page = {}, at = 1, from = 0, gone = {}, aside = {} }
  advance(source)
  openedOnce[#openedOnce + 1] = source
  if source.id then sources[#sources + 1] = source end
end

-- Looks at queues one after another, the one whose first task runs first before the others.
local function newCursor(index, name)
  return { index = index, name = name, page = {}, at = -1, from = 0 }
end
local function turn(cursor)
  cursor.at = cursor.at + 2
  if cursor.at > #cursor.page then
    cursor.page = call('ZRANGE', cursor.index, cursor.from, cursor.from + 99, 'WITHSCORES')
    cursor.from = cursor.from + #cursor.page / 2
    cursor.at = 1
  end
  cursor.queue, cursor.score = cursor.page[cursor.at], tonumber(cursor.page[cursor.at + 1])
end

local cursors = {}
local function openCursors()
  cursors = { newCursor(own('ready')) }
  for _, name in ipairs(asideNames(true)) do cursors[#cursors + 1] = newCursor(own('ready:' .. name), name) end
  for _, cursor in ipairs(cursors) do turn(cursor) end
end

local parked = {}
local function openListed()
  local names = asideNames(true)
  for _, queue in ipairs(listed) do
    if not isPaused(queue) then
      openSource(queue, own('ready'))
      for _, name in ipairs(names) do openSource(queue, own('ready:' .. name), name) end
    end
  end
end

local function runsBefore(a, b)
  if a.score ~= b.score then return a.score < b.score end
  return a.id < b.id
end

local function best()
  local first, place
  for index, source in ipairs(sources) do
    if not first or runsBefore(source, first) then first, place = source, index end
  end
  return first, place
end

-- Opens what may hold a task that runs before all that are open.
local function openBefore(first)
  local score = first and first.score
  for _, cursor in ipairs(cursors) do
    while cursor.queue and #openedOnce + #parked < OPENED and (not score or cursor.score <= score) do
      local queue = cursor.queue
      if isServed(queue) then
        if isPaused(queue) then parked[#parked + 1] = { cursor.index, queue }
        else
          openSource(queue, cursor.index, cursor.name)
          local newest = sources[#sources]
          if newest and (not score or newest.score < score) then score = newest.score end
        end
      end
      turn(cursor)
    end
  end
end

local function nextSource()
  openBefore((best()))
  return best()
end

local function closeSource(place) table.remove(sources, place) end

-- Puts places right by what was taken, gone and set aside, and the first of each queue with them.
local function settleSources()
  for _, entry in ipairs(parked) do
    call('ZREM', entry[1], entry[2])
    call('SADD', own('parked'), entry[2])
  end
  for _, source in ipairs(openedOnce) do
    for from = 1, #source.gone, 1000 do
      local part = { unpack(source.gone, from, math.min(#source.gone, from + 999)) }
      call('ZREM', source.key, unpack(part))
      if source.name then call('ZREM', of(source.queue, 'waiting-children'), unpack(part)) end
    end
    setHead(source.index, source.queue, source.id and source.score)
    -- Queues that are parked are not in the index, and may hold some.
    if source.name and not source.id and call('EXISTS', source.index) == 0 and call('EXISTS', own('parked')) == 0 then
      call('SREM', own('aside'), source.name)
    end
  end
end
`;
