import type { Mutant } from "../mutant.ts";

/** Mistakes in statements of SQLite. */
export const sqliteMutants: readonly Mutant[] = [
  sqlite("workers-forgotten", "retry", "A claim forgets the workers of earlier attempts.", [
    /worker_ids = case when worker_ids = '\[\]' then/,
    "worker_ids = case when 1 = 1 then",
  ]),
  sqlite("due-of-paused-taken", "pause", "Due tasks of paused queues are claimed.", [
    /and not queue_name in \(select value from json_each\(\?\)\) and priority = level/g,
    "and (1 = 1 or queue_name in (select value from json_each(?))) and priority = level",
  ]),
  sqlite(
    "due-of-paused-queue-taken",
    "pause",
    "Due tasks of a named queue run while it is paused.",
    [/(queue_name = queue\.value and not exists \(select 1 from [^)]*)\)/g, "$1 and 1 = 0)"],
  ),
  sqlite("barred-queues-served", "claim", "Ready tasks of queues to leave out are claimed.", [
    /name is not null and not name in \(select value from json_each\(\?\)\)/,
    "name is not null and (1 = 1 or name in (select value from json_each(?)))",
  ]),
  sqlite("keys-of-all-aliases", "isolation", "A unique key is held for all aliases.", [
    /where backend = \? and unique_key = \?\)\s+and backend = \?/,
    "where ? is not null and unique_key = ?) and ? is not null",
  ]),
  sqlite("success-unfenced", "recovery", "A success is stored whatever its fence.", [
    /and fence = \? (.*)and phase = 3 and cancel/,
    "and ? > 0 $1and phase = 3 and cancel",
  ]),
  sqlite(
    "success-of-recovered",
    "recovery",
    "A success is stored although the task was recovered.",
    [/and phase = 3 and cancel_requested/, "and phase < 4 and cancel_requested"],
  ),
  sqlite("first-start-forgotten", "retry", "startedAt is that of the latest attempt.", [
    /started_at = coalesce\(started_at, \?\)/,
    "started_at = ?",
  ]),
  sqlite("pause-ignored", "pause", "Claims do not look for pauses.", [
    /(_paused_queues where backend = \?)( and queue_name = [\w.]+\)|$)/g,
    "$1 and 1 = 0$2",
  ]),
  sqlite("pause-of-all-aliases", "isolation", "A pause holds the queues of all aliases.", [
    /(_paused_queues where )(backend = \?)( and queue_name = [\w.]+\)|$)/g,
    "$1($2 or 1 = 1)$3",
  ]),
  sqlite("claims-of-all-aliases", "isolation", "A claim takes the tasks of all aliases.", [
    /where phase = 1 and backend = \?/g,
    "where phase = 1 and (backend = ? or 1 = 1)",
  ]),
  sqlite("recovers-a-minute-late", "recovery", "Leases are over a minute late.", [
    /(lease_ms, started_at, last_seen_at, heartbeat\)\s+values \((?:\?, ){5})\?/,
    "$1? + 60000",
  ]),
  sqlite("runs-too-early", "defer", "Tasks are ready an hour before they are due.", [
    /due <= \?/g,
    "due <= ? + 3600000",
  ]),
  sqlite("due-time-wakes-nobody", "wake", "A waiting worker does not know of due times.", [
    /select cast\(min\(r\.due\) as real\) as due/,
    "select null as due",
  ]),
  sqlite(
    "claim-by-id-of-due-only",
    "claim",
    "A result that is not due cannot be claimed by its id.",
    [/phase in \(1, 2\)/, "phase in (1)"],
  ),
  sqlite("unknown-tasks-unlimited", "unknown-task", "unknownTasks() names any number of tasks.", [
    /(select distinct task_name [^]*?) limit 10$/,
    "$1 limit 1000",
  ]),
  sqlite("claims-unknown", "unknown-task", "A claim takes tasks that the worker does not know.", [
    /(task_name in \(select value from json_each\(\?\)\))/g,
    "($1 or 1 = 1)",
  ]),
  sqlite("keys-freed-by-every-save", "unique", "Whatever is stored of an attempt frees its key.", [
    /unique_key = case when \? is null or unique_scope = 'window' then/,
    "unique_key = case when ? = 9 or unique_scope = 'window' then",
  ]),
  sqlite("keys-kept-by-failures", "unique", "A failure or cancellation does not free its key.", [
    /unique_key = case when \? is null or/,
    "unique_key = case when ? is null or 1 = 1 or",
  ]),
  sqlite("other-processes-unheard", "wake", "What other processes do is not noticed.", [
    /select data_version \|\| ' ' \|\| total_changes\(\) as token/,
    "select 'same' as token",
  ]),
  sqlite("updates-unfenced", "recovery", "Updates are stored whatever their fence.", [
    /(set progress = coalesce[^]*?)and fence = \?/,
    "$1and ? > 0",
  ]),
];

function sqlite(name: string, topic: string, sentence: string, rewrite: Mutant["rewrite"]): Mutant {
  return { name: `sqlite-${name}`, topic, sentence, stores: ["sqlite"], rewrite };
}
