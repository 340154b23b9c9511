import type { Mutant } from "../mutant.ts";

/** Mistakes in scripts of Redis. */
export const redisMutants: readonly Mutant[] = [
  redis("last-attempt-is-first", "retry", "A later attempt does not show its start.", [
    /'processedOn', now,/,
    "'processedOn', processed or now,",
  ]),
  redis("claims-running-by-id", "claim", "A claim by id takes a running task once more.", [
    /if known\[value\(fields, 'name'\)\] and statusOf\(status\) == 'READY' then/,
    "if known[value(fields, 'name')] then",
  ]),
  redis("success-stays-active", "monitor", "A task that succeeded still counts as running.", [
    /call\('LREM', of\(queue, 'active'\), -1, id\)\s+add\(of\(queue, 'completed'\)/,
    "add(of(queue, 'completed')",
  ]),
  redis("success-stays-held", "monitor", "A worker is shown to hold what has ended.", [
    /for token, members in pairs\(held\) do [^\n]* end/,
    "",
  ]),
  redis("success-told-nobody", "wake", "Who waits for a result finds out at the next poll.", [
    /if #finished > 0 then call\('PUBLISH'[^\n]* end/,
    "",
  ]),
  redis("success-drops-progress", "context", "Progress that comes with a success is dropped.", [
    /if ARGV\[at \+ 4\] ~= '' then fields\[#fields \+ 1\] = 'progress'[^\n]* end/,
    "",
  ]),
  redis("success-drops-logs", "context", "Logs that come with a success are dropped.", [
    /if ARGV\[at \+ 6\] ~= '' then keepLogs\(job, ARGV\[at \+ 6\]\) end/,
    "",
  ]),
  redis("updates-unfenced", "claim", "Updates are stored whatever their fence.", [
    /local queue = attempt\(ARGV\[at\], ARGV\[at \+ 1\], ARGV\[at \+ 2\]\)(\s+if queue then\s+local job)/,
    "local queue = queueOf(ARGV[at + 1])$1",
  ]),
  redis("pause-untold", "pause", "Who holds a task of a paused queue is not told.", [
    /if isPaused\(queue\) then answer = answer \+ 4 end/,
    "",
  ]),
  redis("cancel-untold", "cancel", "A running task is not told of a cancellation.", [
    /if values\[2\] == '1' then answer = answer \+ 2 end/,
    "",
  ]),
  redis("renewal-revives", "recovery", "A renewal revives a session that signed off.", [
    /if call\('EXISTS', own\('ended:' \.\. ARGV\[1\]\)\) == 1 then return end/,
    "",
  ]),
  redis("renewal-extends-nothing", "recovery", "A renewal does not extend the lease.", [
    /call\('HINCRBY', own\('beats'\), ARGV\[1\], 1\)/,
    "",
  ]),
  redis("renewal-not-shown", "monitor", "A renewal does not show that the worker was seen.", [
    /call\('ZADD', own\('leases'\), now \+ ARGV\[2\], ARGV\[1\]\)/,
    "call('ZADD', own('leases'), 'NX', now + ARGV[2], ARGV[1])",
  ]),
  redis("failure-keeps-key", "unique", "A failure or cancellation does not free its key.", [
    /(add\(of\(queue, after == 'FAILED' and 'failed' or 'completed'\), now, id\)\s+)freeKey\([^\n]*/,
    "$1",
  ]),
  redis("failure-stays-held", "monitor", "A worker is shown to hold what has failed.", [
    /call\('SREM', own\('held:' \.\. session\), queue \.\. ':' \.\. id\)(\s+elseif)/,
    "$1",
  ]),
  redis(
    "cancelled-stays-ready",
    "cancel",
    "What was cancelled while ready still counts as ready.",
    [/elseif before == 'READY' then\s+displace\(queue, id\)/, "elseif before == 'READY' then"],
  ),
  redis("retried-stays-failed", "retry", "What is tried again still counts as failed.", [
    /call\('ZREM', of\(queue, before == 'FAILED' and 'failed' or 'completed'\), id\)/,
    "",
  ]),
  redis("windows-pruned", "prune", "Prune deletes a result whose window lasts.", [
    /return values\[3\] ~= 'window' or [^\n]*/,
    "return true",
  ]),
  redis("list-of-all-tasks", "list", "A list of one task shows results of all.", [
    /\(name == '' or values\[2\] == name\)/,
    "true",
  ]),
  redis(
    "oldest-of-first-priority",
    "monitor",
    "The oldest ready task is one of the highest priority.",
    [/from = string\.format\('%\.0f', \(level \+ 1\) \* LEVEL - SHIFT\)/, "break"],
  ),
  redis("oldest-is-not-due", "monitor", "A task that fell due is never the oldest ready one.", [
    /if due > 0 then seen\([^\n]* end/,
    "",
  ]),
  redis("given-twice", "id", "A given id is looked for in its queue only.", [
    /if isGiven then call\('HSET', own\('given'\), id, queue\) end/,
    "",
  ]),
  redis("blocked-not-listed", "list", "Listed results of a paused queue are not blocked.", [
    /if paused then fields\[#fields \+ 1\][^\n]* end/,
    "",
  ]),
  {
    ...redis("resumed-not-restored", "pause", "A resumed queue is not looked at again.", [
      /restore\(ARGV\[1\]\)/,
      "",
    ]),
    survives: "claims look for resumed queues by themselves: tools of BullMQ's resume them, too.",
  },
  redis("ended-workers-shown", "monitor", "Workers that have ended are shown.", [
    /if shown and leases\[index \+ 1\] ~= '0' then/,
    "if shown then",
  ]),
  redis("resume-wakes-nobody", "wake", "A resumed queue is noticed at the next poll only.", [
    /(call\('HDEL', of\(ARGV\[1\], 'meta'\), 'paused'\)\s+restore\(ARGV\[1\]\)\s+)wake\(\)/,
    "$1",
  ]),
  redis("enqueue-wakes-nobody", "wake", "A new task is noticed at the next poll only.", [
    /(local function insertAll\(\)\s+addAll\(\)\s+lowerAll\(\)\s+)wake\(\)/,
    "$1",
  ]),
  redis("retry-wakes-nobody", "wake", "What is ready again is noticed at the next poll only.", [
    /if wakes then wake\(\) end/,
    "",
  ]),
  redis("pause-ignored", "pause", "Claims do not look for pauses.", [
    /return call\('HEXISTS', of\(queue, 'meta'\), 'paused'\) == 1/,
    "return false",
  ]),
  redis("unfenced", "recovery", "A success is stored whatever its fence.", [
    /local mine = 'RUNNING ' \.\. token \.\. ' '/,
    "local mine = 'RUNNING '",
  ]),
  redis("cancel-unseen", "claim", "A success is stored although a cancellation was asked for.", [
    /elseif values\[2\] == '1' then answers/,
    "elseif values[2] == 'x' then answers",
  ]),
  redis("repeated-is-lost", "claim", "A success that is brought again is answered lost.", [
    /if values == 'SUCCESSFUL' then answers\[#answers \+ 1\] = 1/,
    "if values == 'SUCCESSFUL' then answers[#answers + 1] = 0",
  ]),
  redis("window-freed-by-end", "unique", "The end of a task frees the key of its window.", [
    /if key and key ~= '' and scope ~= 'window' then/,
    "if key and key ~= '' then",
  ]),
  redis("window-too-long", "unique", "A window lasts a hundred times as long.", [
    /'PX', values\[at \+ 12\]/,
    "'PX', values[at + 12] * 100",
  ]),
  redis("frees-key-of-another", "unique", "The end of a task frees a key that another one holds.", [
    /if call\('GET', name\) == queue \.\. ':' \.\. id then/,
    "if true then",
  ]),
  redis("until-started-never-frees", "unique", "A start does not free an until-started key.", [
    /if queue and values\[4\] == 'until-started' then/,
    "if queue and values[4] == 'never' then",
  ]),
  redis("due-time-ignored", "order", "Equal priorities run in enqueue order.", [
    /return \(priority - 1\) \* LEVEL \+ math\.min\([^\n]* - SHIFT/,
    "return (priority - 1) * LEVEL - SHIFT",
  ]),
  redis("priority-reversed", "order", "Smaller priorities run first.", [
    /return \(priority - 1\) \* LEVEL/,
    "return (400 - priority) * LEVEL",
  ]),
  redis("queues-by-enqueue", "order", "A worker of several queues goes by enqueue order.", [
    /if a\.score ~= b\.score then return a\.score < b\.score end/,
    "",
  ]),
  redis("runs-too-early", "defer", "Tasks are ready an hour before they are due.", [
    /\(now \+ 1\) \* 4096 - 1/g,
    "(now + 3600000) * 4096",
  ]),
  redis("lease-short", "recovery", "A lease is a quarter as long.", [
    /now \+ ARGV\[2\]/,
    "now + ARGV[2] / 4",
  ]),
  redis("claim-grants-no-lease", "claim", "A claim grants no lease.", [
    /(local session = ARGV\[1\]\s+)renew\(now\)/,
    "$1",
  ]),
  redis(
    "sign-off-forgets-held",
    "recovery",
    "What a session holds when it signs off stays RUNNING.",
    [/if call\('SCARD', own\('held:' \.\. session\)\) > 0 then/, "if false then"],
  ),
  redis("recovers-a-minute-late", "recovery", "Leases are over a minute late.", [
    /tonumber\(string\.match\(shown, '"leaseMs":\(%d\+\)'\)\)/,
    "60000 + $&",
  ]),
  redis(
    "saves-over-changes",
    "claim",
    "A transition is stored though the result changed since it was read.",
    [/local isSame = values\[1\] == text and [^\n]*/, "local isSame = true"],
  ),
  redis("dry-run-ignores-age", "prune", "A dry run counts results of any age.", [
    /(local queue, kind, latest = ARGV\[1\], ARGV\[2\], clock\(\)) - ARGV\[3\]/,
    "$1 + 3600000",
  ]),
  redis("list-repeats-at-a-page", "list", "A page begins with the last result of the one before.", [
    /answer\[1\] = string\.format\('%\.0f', number - 1\)/,
    "answer[1] = string.format('%.0f', number)",
  ]),
  redis("counts-due-as-scheduled", "monitor", "Tasks that fell due count as scheduled.", [
    /call\('ZCARD', delayed\) - due/,
    "call('ZCARD', delayed)",
  ]),
  redis(
    "rejects-no-twin-of-a-batch",
    "batch",
    "Two tasks of one rejecting key in a batch are both taken.",
    [/if taken\[key\] and isReject then return [^\n]* end/, ""],
  ),
  redis("due-time-wakes-nobody", "wake", "A waiting worker does not know of due times.", [
    /math\.ceil\((?:score|delayed\[index \+ 1\]) \/ 4096 - now\)/g,
    "3600000",
  ]),
  redis("deletes-running", "delete", "A running result is deleted.", [
    /if statusOf\(values\[1\]\) == 'RUNNING' then return 0 end/,
    "",
  ]),
  redis("fence-is-constant", "claim", "A claim sets the fence to 1.", [
    /fence and #fence <= 15 and fence \+ 1 or 1/,
    "1",
  ]),
  redis("first-start-forgotten", "retry", "startedAt is that of the latest attempt.", [
    /if not started or started == '' then call/,
    "if true then call",
  ]),
  redis("claims-unknown", "unknown-task", "A claim takes tasks that the worker does not know.", [
    /if known\[value\(fields, 'name'\)\] and statusOf/,
    "if statusOf",
  ]),
  redis("empty-pause-hidden", "pause", "A paused queue that was never used is not shown.", [
    /call\('SADD', own\('queues'\), ARGV\[1\]\)\s+(call\('HSET', of\(ARGV\[1\], 'meta'\), 'paused')/,
    "$1",
  ]),
];

function redis(name: string, topic: string, sentence: string, rewrite: Mutant["rewrite"]): Mutant {
  return { name: `redis-${name}`, topic, sentence, stores: ["redis"], rewrite };
}
