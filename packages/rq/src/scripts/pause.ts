import { HEADS } from "./lanes.ts";
import { EVEN_WHEN_FULL, WAKE } from "./parts.ts";
import { defineScript, type Script } from "./script.ts";

/** Tells whether a queue is paused, by the mark of BullMQ's own: its tools show it, and may set it. */
export const PAUSED = `
local function isPaused(queue)
  return call('HEXISTS', of(queue, 'meta'), 'paused') == 1
end
`;

/** Pauses a queue, whether it was ever used or not. Argument: queue. */
export const PAUSE: Script = defineScript(
  EVEN_WHEN_FULL,
  `
call('SADD', own('queues'), ARGV[1])
call('HSET', of(ARGV[1], 'meta'), 'paused', 1)
`,
);

/** Lets it go on, and wakes workers. Argument: queue. */
export const RESUME: Script = defineScript(
  EVEN_WHEN_FULL,
  HEADS,
  WAKE,
  `
call('HDEL', of(ARGV[1], 'meta'), 'paused')
restore(ARGV[1])
wake()
`,
);
