/**
 * Which queues a worker serves, and the tasks it knows: `readServed(at)` of the arguments, then `isServed(queue)`, `known[name]`, and `listed`, the queues it
 * names if they are few enough to look at each. Paused ones are among them.
 */
export const SERVED = `
local known, knownNames, listed = {}, {}, nil
local named, excluded = nil, {}

local function list(at)
  local items = {}
  for index = 1, tonumber(ARGV[at]) do items[index] = ARGV[at + index] end
  return items, at + #items + 1
end
local function set(items)
  local members = {}
  for _, item in ipairs(items) do members[item] = true end
  return members
end

local function readServed(at)
  local queues, without
  queues, at = list(at)
  without, at = list(at)
  knownNames = list(at)
  known, excluded = set(knownNames), set(without)
  if queues[1] == '*' then return end
  named = set(queues)
  if #queues <= 20 then listed = queues end
end

local function isServed(queue)
  if named then return named[queue] end
  return not excluded[queue]
end

-- Names of tasks that were set aside, of which the worker knows some or not.
local function asideNames(isKnown)
  local names = {}
  for _, name in ipairs(call('SMEMBERS', own('aside'))) do
    if (known[name] or false) == isKnown then names[#names + 1] = name end
  end
  return names
end
`;
