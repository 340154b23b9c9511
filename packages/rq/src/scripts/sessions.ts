import { defineScript, type Script } from "./script.ts";

/**
 * Grants or extends a lease.
 *
 * Arguments: session id, length of the lease in milliseconds, what is shown of the worker as JSON without its closing brace.
 */
export const LEASE = `
local function renew(now)
  call('ZADD', own('leases'), now + ARGV[2], ARGV[1])
  if call('HEXISTS', own('sessions'), ARGV[1]) == 0 then
    call('HSET', own('sessions'), ARGV[1], ARGV[3] .. ',"startedAt":' .. string.format('%.0f', now) .. '}')
  end
end
`;

/** Grants or extends a lease; see `LEASE`. */
export const RENEW: Script = defineScript(LEASE, "renew(clock()) return 1");

/** Ends a session. Argument: its id. What it should hold still, though it should not, is recovered as lost. */
export const END_SESSION: Script = defineScript(`
local session = ARGV[1]
if call('SCARD', own('held:' .. session)) > 0 then
  call('ZADD', own('leases'), 0, session)
else
  call('ZREM', own('leases'), session)
  call('HDEL', own('sessions'), session)
end
return 1
`);

/**
 * Finds what sessions whose lease is over hold, and forgets sessions that hold nothing and ended a while ago.
 *
 * Arguments: most results, grace in milliseconds. Answers with queue, id, queue, id …
 */
export const FIND_LOST: Script = defineScript(`
local now = clock()
local most, grace = tonumber(ARGV[1]), tonumber(ARGV[2])
-- They are read as a whole afterwards.
local BYTES = 32 * 2 ^ 20
local found, bytes = {}, 0
for _, session in ipairs(call('ZRANGEBYSCORE', own('leases'), '-inf', now, 'LIMIT', 0, 1000)) do
  local held = call('SRANDMEMBER', own('held:' .. session), most - #found / 2)
  for _, member in ipairs(held) do
    local queue, id = string.match(member, '^([^:]*):(.*)$')
    local status = call('HGET', of(queue, id), 'status')
    if status and string.match(status, '^RUNNING %d+ (%S+)') == session then
      if bytes < BYTES then
        found[#found + 1] = queue
        found[#found + 1] = id
        bytes = bytes + call('HSTRLEN', of(queue, id), 'data')
      end
    else
      call('SREM', own('held:' .. session), member)
    end
  end
  if #held == 0 and tonumber(call('ZSCORE', own('leases'), session)) <= now - grace then
    call('ZREM', own('leases'), session)
    call('HDEL', own('sessions'), session)
  end
  if #found >= 2 * most or bytes >= BYTES then break end
end
return found
`);

/** What a session holds. Argument: its id. Answers with queue, id and fence of each. */
export const HELD: Script = defineScript(`
local answer = {}
for _, member in ipairs(call('SMEMBERS', own('held:' .. ARGV[1]))) do
  local queue, id = string.match(member, '^([^:]*):(.*)$')
  local fence, session = string.match(call('HGET', of(queue, id), 'status') or '', '^RUNNING (%d+) (%S+)')
  if session == ARGV[1] then answer[#answer + 1] = { queue, id, fence } end
end
return answer
`);

/** Sessions with their leases and how much they hold. Answers with the time, then session, what is shown, end of the lease, held … */
export const WORKERS: Script = defineScript(`
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
`);
