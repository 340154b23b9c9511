import { LOGS } from "./logs.ts";
import { ADDITIONS, CLOCK, EVEN_WHEN_FULL, FIND, FREE_KEY, OURS, VALUES } from "./parts.ts";
import { PAUSED } from "./pause.ts";
import { defineScript, type Script } from "./script.ts";

/**
 * Finds the queue of a job whose queue is not known, and checks that an attempt still holds it: fence and session are those that the claim left.
 *
 * Needs `OURS`, `FIND` and `VALUES`. A server that lost its last second in a power failure, or
 * whose replica took over, gives a fence out twice; so the fence alone would not do.
 */
const ATTEMPT = `
local function attempt(queue, id, token)
  if queue == '' then queue = queueOf(id) end
  if not queue then return nil end
  local values = jobValues(of(queue, id), 'status', 'cancel', 'uniqueKey', 'uniqueScope')
  local mine = 'RUNNING ' .. token .. ' '
  if not values[1] then return nil end
  if string.sub(values[1], 1, #mine) == mine then return queue, values end
  local status, claim = string.match(values[1], '^(%u+) (%d+ %S+)')
  return nil, claim == token and status or nil
end
`;

/** Frees the keys that attempts held until they started. Arguments, for each: queue, id, token. */
export const START: Script = defineScript(
  EVEN_WHEN_FULL,
  OURS,
  FIND,
  FREE_KEY,
  VALUES,
  ATTEMPT,
  `
for at = 1, #ARGV, 3 do
  local id = ARGV[at + 1]
  local queue, values = attempt(ARGV[at], id, ARGV[at + 2])
  if queue and values[4] == 'until-started' then
    freeKey(queue, id, values[3], values[4])
    call('HDEL', of(queue, id), 'uniqueKey', 'uniqueScope')
  end
end
return 1
`,
);

/**
 * Stores successes whose attempt is still theirs.
 *
 * Arguments, for each: queue, id, token, return value, progress, metadata, logs; "" for what did not change. Answers for each with 1 when it was stored,
 * 0 when it is lost, 2 when a cancellation was asked for.
 */
export const SUCCEED: Script = defineScript(
  EVEN_WHEN_FULL,
  CLOCK,
  ADDITIONS,
  OURS,
  FIND,
  FREE_KEY,
  VALUES,
  ATTEMPT,
  LOGS,
  `
local now = clock()
local answers, finished, held = {}, {}, {}
for at = 1, #ARGV, 7 do
  local id = ARGV[at + 1]
  local queue, values = attempt(ARGV[at], id, ARGV[at + 2])
  -- The same completion, sent twice when its answer was lost: nobody else had this token.
  if values == 'SUCCESSFUL' then answers[#answers + 1] = 1
  elseif not queue then answers[#answers + 1] = 0
  elseif values[2] == '1' then answers[#answers + 1] = 2
  else
    local job = of(queue, id)
    local fields = { 'status', 'SUCCESSFUL' .. string.sub(values[1], 8), 'finishedOn', now }
    if ARGV[at + 3] ~= 'null' then fields[#fields + 1] = 'returnvalue' fields[#fields + 1] = ARGV[at + 3] end
    if ARGV[at + 4] ~= '' then fields[#fields + 1] = 'progress' fields[#fields + 1] = ARGV[at + 4] end
    if ARGV[at + 5] ~= '' then fields[#fields + 1] = 'metadata' fields[#fields + 1] = ARGV[at + 5] end
    call('HSET', job, unpack(fields))
    if ARGV[at + 6] ~= '' then keepLogs(job, ARGV[at + 6]) end
    -- The oldest are at the tail, and mostly the first to end.
    call('LREM', of(queue, 'active'), -1, id)
    add(of(queue, 'completed'), now, id)
    freeKey(queue, id, values[3], values[4])
    tell(queue, id, 'completed', 'returnvalue', ARGV[at + 3], 'prev', 'active')
    local members = held[ARGV[at + 2]]
    if not members then
      members = {}
      held[ARGV[at + 2]] = members
    end
    members[#members + 1] = queue .. ':' .. id
    finished[#finished + 1] = id
    answers[#answers + 1] = 1
  end
end
addAll()
for token, members in pairs(held) do call('SREM', own('held:' .. string.match(token, ' (.*)$')), unpack(members)) end
if #finished > 0 then call('PUBLISH', own('finished'), table.concat(finished, ' ')) end
return answers
`,
);

/** Stores what running attempts changed. Arguments, for each: queue, id, token, progress, metadata, logs; "" for what did not change. Answers with nothing. */
export const UPDATE: Script = defineScript(
  EVEN_WHEN_FULL,
  OURS,
  FIND,
  VALUES,
  ATTEMPT,
  LOGS,
  `
for at = 1, #ARGV, 6 do
  local queue = attempt(ARGV[at], ARGV[at + 1], ARGV[at + 2])
  if queue then
    local job = of(queue, ARGV[at + 1])
    if ARGV[at + 3] ~= '' then
      call('HSET', job, 'progress', ARGV[at + 3])
      tell(queue, ARGV[at + 1], 'progress', 'data', ARGV[at + 3])
    end
    if ARGV[at + 4] ~= '' then call('HSET', job, 'metadata', ARGV[at + 4]) end
    if ARGV[at + 5] ~= '' then keepLogs(job, ARGV[at + 5]) end
  end
end
return {}
`,
);

/**
 * Looks at attempts. Arguments, for each: queue, id, token. Answers for each with 0 when it is lost; else with 1, and 2 more when a cancellation was asked
 * for, and 4 more when the queue is paused.
 */
export const CHECK_ATTEMPTS: Script = defineScript(
  OURS,
  FIND,
  VALUES,
  ATTEMPT,
  PAUSED,
  `
local answers = {}
for at = 1, #ARGV, 3 do
  local queue, values = attempt(ARGV[at], ARGV[at + 1], ARGV[at + 2])
  local answer = 0
  if queue then
    answer = 1
    if values[2] == '1' then answer = answer + 2 end
    if isPaused(queue) then answer = answer + 4 end
  end
  answers[#answers + 1] = answer
end
return answers
`,
);
