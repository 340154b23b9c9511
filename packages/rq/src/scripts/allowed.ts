import { defineScript, type Script } from "./script.ts";

/**
 * Finds commands that the user of the connection may not run on the keys and channels of the backend. A script that is denied a command half-way has done
 * the other half; so it is asked about beforehand. Redis below 7 cannot tell.
 *
 * Arguments: commands. Answers with 1 and those that are denied.
 */
export const DENIED_COMMANDS: Script = defineScript(`
local denied = {}
for _, command in ipairs(redis.acl_check_cmd and ARGV or {}) do
  local isKnown, isAllowed = pcall(redis.acl_check_cmd, command, own('work'))
  if isKnown and not isAllowed then denied[#denied + 1] = command end
end
return { 1, denied }
`);
