/** Keeps the log of a job, and beside it the lines that BullMQ's tools show: `keepLogs(job, json)`. */
export const LOGS = `
local function keepLogs(job, json)
  call('HSET', job, 'logs', json)
  local isRead, entries = pcall(cjson.decode, json)
  if not isRead then return end
  local shown = job .. ':logs'
  call('DEL', shown)
  for _, entry in ipairs(entries) do
    call('RPUSH', shown, string.format('%s #%s %s: %s', entry.loggedAt, entry.attempt, entry.level, entry.message))
  end
end
`;
