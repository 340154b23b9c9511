import { CLOCK, EVEN_WHEN_FULL, SPOIL, VALUES } from "./parts.ts";
import { defineScript, type Script } from "./script.ts";

/**
 * Grants or extends a lease. `beats` holds a number for each session that every renewal changes: it
 * begins with the time, so that a session that comes back is not taken for the one that stood still.
 * `leases` holds the end of each lease, which is only shown: clocks jump.
 *
 * Arguments: session id, length of the lease in milliseconds, what is shown of the worker as JSON without its closing brace.
 */
export const LEASE = `
local function renew(now)
  -- A renewal on its way must not bring back a session that has ended.
  if call('EXISTS', own('ended:' .. ARGV[1])) == 1 then return end
  call('HSETNX', own('beats'), ARGV[1], string.format('%.0f', now))
  call('HINCRBY', own('beats'), ARGV[1], 1)
  call('ZADD', own('leases'), now + ARGV[2], ARGV[1])
  if call('HEXISTS', own('sessions'), ARGV[1]) == 0 then
    call('HSET', own('sessions'), ARGV[1], ARGV[3] .. ',"startedAt":' .. string.format('%.0f', now) .. '}')
  end
end
`;

/** Grants or extends a lease; see `LEASE`. */
export const RENEW: Script = defineScript(EVEN_WHEN_FULL, CLOCK, LEASE, "renew(clock()) return 1");

/**
 * Gives back attempts that have not begun: hands them over to another holder, which is dead at once.
 *
 * Arguments: session id, id of the holder; for each attempt its id and fence.
 */
export const GIVE_BACK: Script = defineScript(
  EVEN_WHEN_FULL,
  VALUES,
  `
local session, holder = ARGV[1], ARGV[2]
local fences = {}
for at = 3, #ARGV, 2 do fences[ARGV[at]] = ARGV[at + 1] end
for _, member in ipairs(call('SMEMBERS', own('held:' .. session))) do
  local queue, id = string.match(member, '^([^:]*):(.*)$')
  local mine = fences[id] and 'RUNNING ' .. fences[id] .. ' ' .. session .. ' '
  local status = mine and jobValues(of(queue, id), 'status')[1] or ''
  if mine and string.sub(status, 1, #mine) == mine then
    call('HSET', of(queue, id), 'status', 'RUNNING ' .. fences[id] .. ' ' .. holder .. string.sub(status, #mine))
    call('SREM', own('held:' .. session), member)
    call('SADD', own('held:' .. holder), member)
    call('HSET', own('beats'), holder, 0)
    call('ZADD', own('leases'), 0, holder)
  end
end
return 1
`,
);

/** Takes a session away: `forget(session)`. */
const FORGET = `
local function forget(session)
  call('ZREM', own('leases'), session)
  call('HDEL', own('beats'), session)
  call('HDEL', own('sessions'), session)
end
`;

/** Ends a session. Argument: its id. What it should hold still, though it should not, is recovered as lost. */
export const END_SESSION: Script = defineScript(
  EVEN_WHEN_FULL,
  FORGET,
  `
local session = ARGV[1]
call('SET', own('ended:' .. session), 1, 'PX', 60000)
if call('SCARD', own('held:' .. session)) > 0 then
  call('ZADD', own('leases'), 0, session)
  call('HSET', own('beats'), session, 0)
else
  forget(session)
end
return 1
`,
);

/** Every session. Answers for each with its id, the length of its lease, its heartbeat ("0" when it has ended), and how much it holds. */
export const SESSIONS: Script = defineScript(`
local answer = {}
for _, session in ipairs(call('ZRANGE', own('leases'), 0, -1)) do
  local shown = call('HGET', own('sessions'), session) or ''
  answer[#answer + 1] = {
    session,
    tonumber(string.match(shown, '"leaseMs":(%d+)')) or 0,
    call('HGET', own('beats'), session) or '0',
    call('SCARD', own('held:' .. session)),
  }
end
return answer
`);

/**
 * Finds what dead sessions hold.
 *
 * Arguments: most results; for each session its id and the heartbeat it died with: what has renewed since is passed over. Answers with queue, id, queue,
 * id …
 */
export const FIND_LOST: Script = defineScript(
  EVEN_WHEN_FULL,
  CLOCK,
  VALUES,
  SPOIL,
  `
local most, now = tonumber(ARGV[1]), clock()
local ENDED = { READY = true, SUCCESSFUL = true, FAILED = true }
-- They are read as a whole afterwards.
local BYTES = 32 * 2 ^ 20
local found, bytes = {}, 0
for at = 2, #ARGV, 2 do
  local session = ARGV[at]
  local isDead = (call('HGET', own('beats'), session) or '0') == ARGV[at + 1]
  local held = isDead and call('SRANDMEMBER', own('held:' .. session), most - #found / 2) or {}
  for _, member in ipairs(held) do
    local queue, id = string.match(member, '^([^:]*):(.*)$')
    local status = jobValues(of(queue, id), 'status')[1]
    local holder = status and string.match(status, '^RUNNING %d+ (%S+)')
    if holder == session then
      if bytes < BYTES then
        found[#found + 1] = queue
        found[#found + 1] = id
        bytes = bytes + call('HSTRLEN', of(queue, id), 'data')
      end
    else
      local isHeld = holder and call('SISMEMBER', own('held:' .. holder), member) == 1
      if not isHeld and not ENDED[statusOf(status)] then
        call('LREM', of(queue, 'active'), -1, id)
        if status then spoil(queue, id, status, now) end
      end
      call('SREM', own('held:' .. session), member)
    end
  end
  if #found >= 2 * most or bytes >= BYTES then break end
end
return found
`,
);

/** Forgets dead sessions that hold nothing. Arguments: for each its id and the heartbeat it died with. */
export const FORGET_SESSIONS: Script = defineScript(
  EVEN_WHEN_FULL,
  FORGET,
  `
for at = 1, #ARGV, 2 do
  local session = ARGV[at]
  local isDead = (call('HGET', own('beats'), session) or '0') == ARGV[at + 1]
  if isDead and call('SCARD', own('held:' .. session)) == 0 then forget(session) end
end
return 1
`,
);

/** What a session holds. Argument: its id. Answers with queue, id and fence of each. */
export const HELD: Script = defineScript(
  VALUES,
  `
local answer = {}
for _, member in ipairs(call('SMEMBERS', own('held:' .. ARGV[1]))) do
  local queue, id = string.match(member, '^([^:]*):(.*)$')
  local fence, session = string.match(jobValues(of(queue, id), 'status')[1] or '', '^RUNNING (%d+) (%S+)')
  if session == ARGV[1] then answer[#answer + 1] = { queue, id, fence } end
end
return answer
`,
);

/** Sessions with their leases and how much they hold. Answers with the time, then session, what is shown, end of the lease, held … */
export const WORKERS: Script = defineScript(
  CLOCK,
  `
local answer = { clock() }
local leases = call('ZRANGE', own('leases'), 0, -1, 'WITHSCORES')
for index = 1, #leases, 2 do
  local session = leases[index]
  local shown = call('HGET', own('sessions'), session)
  if shown and leases[index + 1] ~= '0' then
    answer[#answer + 1] = { shown, leases[index + 1], call('SCARD', own('held:' .. session)) }
  end
end
return answer
`,
);
