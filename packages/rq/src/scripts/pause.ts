import { defineScript, type Script } from "./script.ts";

/** Tells whether a queue is paused, by the mark of BullMQ's own: its tools show it, and may set it. */
export const PAUSED = `
local function isPaused(queue)
  return call('HEXISTS', of(queue, 'meta'), 'paused') == 1
end
`;

/** Pauses a queue, whether it was ever used or not. Argument: queue. */
export const PAUSE: Script = defineScript(`
call('SADD', own('queues'), ARGV[1])
call('HSET', of(ARGV[1], 'meta'), 'paused', 1)
`);

/** Lets it go on, and wakes workers. Argument: queue. */
export const RESUME: Script = defineScript(`
call('HDEL', of(ARGV[1], 'meta'), 'paused')
wake()
`);
