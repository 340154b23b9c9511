import type { Mutant } from "../mutant.ts";

/** Mistakes in the statements of SQLite and PostgreSQL alike. */
export const sqlMutants: readonly Mutant[] = [
  sql("fence-is-constant", "claim", "A claim sets the fence to 1.", [
    /fence = fence % \d+ \+ 1/,
    "fence = 1",
  ]),
  sql("until-started-never-frees", "unique", "A start does not free an until-started key.", [
    /(set unique_key = null\s+where [^]*?)unique_scope = 'until-started'/,
    "$1unique_scope = 'never'",
  ]),
  sql("every-claim-frees", "unique", "A claim frees every key.", [
    /phase = 3, fence = fence/,
    "phase = 3, unique_key = null, fence = fence",
  ]),
  sql("due-after-enqueue-order", "order", "Equal priorities run in enqueue order.", [
    /order by priority desc, due, seq/g,
    "order by priority desc, seq, due",
  ]),
  sql("due-before-priority", "order", "Due times count before priorities.", [
    /order by priority desc, due, seq/g,
    "order by due, priority desc, seq",
  ]),
  sql("priority-ascending", "order", "Smaller priorities run first.", [
    /order by priority desc, due, seq/g,
    "order by priority, due, seq",
  ]),
  sql("newest-first", "order", "Among equals the newest runs first.", [
    /order by priority desc, due, seq/g,
    "order by priority desc, due, seq desc",
  ]),
  sql(
    "success-ignores-cancel",
    "claim",
    "A success is stored although a cancellation was asked for.",
    [/and cancel_requested = 0/, "and cancel_requested >= 0"],
  ),
  sql("success-frees-windows", "unique", "A success frees the key of a window.", [
    /(return_value = [^]*?)unique_key = case when unique_scope = 'window' then unique_key end/,
    "$1unique_key = null",
  ]),
  sql("success-frees-nothing", "unique", "A success frees no key.", [
    /(return_value = [^]*?)unique_key = case when unique_scope = 'window' then unique_key end/,
    "$1unique_key = unique_key",
  ]),
  sql("renewal-extends-nothing", "recovery", "A renewal moves lastSeenAt only.", [
    /, heartbeat = (worker\.)?heartbeat \+ 1/,
    "",
  ]),
  sql("renewal-revives", "recovery", "A renewal revives a session that signed off.", [
    / where (worker\.)?heartbeat > 0$/,
    "",
  ]),
  sql("sign-off-keeps-lease", "recovery", "A session that signs off keeps its lease.", [
    /set heartbeat = 0 where/,
    "set heartbeat = heartbeat where",
  ]),
  sql("losses-uncounted", "recovery", "Losses are not stored.", [
    /\blost = (\?|\(\(select \$2::text::jsonb\) -> id ->> 7\)::integer)/,
    "lost = 0 * $1",
  ]),
  sql("failures-uncounted", "retry", "Failures are not stored.", [
    /\bfailures = (\?|\(\(select \$2::text::jsonb\) -> id ->> 6\)::integer)/,
    "failures = 0 * $1",
  ]),
  sql("cancel-request-forgotten", "cancel", "A wish to cancel is not stored.", [
    /\bcancel_requested = (\?|\(\(select \$2::text::jsonb\) -> id ->> 8\)::smallint),/,
    "cancel_requested = 0 * $1,",
  ]),
  sql("prune-newest-first", "prune", "Prune deletes the newest first.", [
    /order by finished_at limit/,
    "order by finished_at desc limit",
  ]),
  sql("prune-age-from-enqueue", "prune", "The age of a result counts from its enqueue.", [
    /and finished_at <= /g,
    "and enqueued_at <= ",
  ]),
  sql("dry-run-ignores-age", "prune", "A dry run counts results of any age.", [
    /(select count\(\*\) as count [^]*?)finished_at <= (\?|\$3)/,
    "$1finished_at + 0 * $2 > 0",
  ]),
  sql("list-oldest-first", "list", "Lists are oldest first.", [
    /order by "seq" desc/,
    'order by "seq"',
  ]),
  sql("list-repeats-at-a-page", "list", "A page begins with the last result of the one before.", [
    /"seq" < /,
    '"seq" <= ',
  ]),
  sql("deletes-running", "delete", "A running result is deleted.", [/phase <> 3/, "phase > 0"]),
  sql("counts-of-all-aliases", "isolation", "Counts are those of all aliases.", [
    /(count\(\*\) as "count" from [^]*?where )("backend" = (?:\?|\$\d+))/,
    "$1($2 or 1 = 1)",
  ]),
  sql("lists-of-all-aliases", "isolation", "Lists show the results of all aliases.", [
    /( as "is_paused" from [^]*?where )("backend" = (?:\?|\$\d+))/,
    "$1($2 or 1 = 1)",
  ]),
  sql("last-attempt-is-first", "retry", "A later attempt does not show its start.", [
    /last_attempted_at = ([^]*?), session_id = /,
    "last_attempted_at = coalesce(last_attempted_at, $1), session_id = ",
  ]),
  sql("claims-running-by-id", "claim", "A claim by id takes a running task once more.", [
    /phase in \(1, 2\) and task_name/,
    "phase in (1, 2, 3) and task_name",
  ]),
  sql("retry-keeps-end", "retry", "A result that is tried again still shows when it ended.", [
    /finished_at = ([^,]+),(\s*)failures/,
    "finished_at = coalesce($1, finished_at),$2failures",
  ]),
  sql("due-time-outlives-retry", "retry", "retry() leaves the due time as it was.", [
    /run_after = ([^,]+),(\s*)started_at/,
    "run_after = coalesce($1, run_after),$2started_at",
  ]),
  sql("outcome-drops-progress", "claim", "Progress that comes with an outcome is dropped.", [
    /progress = ([^,]+),(\s*)logs = ([^,]+),(\s*)return_value/,
    "progress = case when 1 = 0 then $1 else progress end,$2logs = $3,$4return_value",
  ]),
  sql("outcome-drops-logs", "claim", "Logs that come with an outcome are dropped.", [
    /logs = ([^,]+),(\s*)return_value/,
    "logs = case when 1 = 0 then $1 else logs end,$2return_value",
  ]),
  sql("outcome-drops-metadata", "claim", "Metadata that comes with an outcome is dropped.", [
    /metadata = ([^,]+),(\s*)progress = ([^,]+),(\s*)logs = ([^,]+),(\s*)return_value/,
    "metadata = case when 1 = 0 then $1 else metadata end,$2progress = $3,$4logs = $5,$6return_value",
  ]),
  sql("update-clears-progress", "claim", "An update without progress clears it.", [
    /progress = coalesce\(([^]*?), progress\)/,
    "progress = $1",
  ]),
  sql("pause-untold", "pause", "Who holds a task of a paused queue is not told.", [
    /\(?\(backend, queue_name\) in \(select backend, queue_name from [^)]*\)\)?(?:::int)? as is_paused/,
    "0 as is_paused",
  ]),
  sql("pause-told-of-aliases", "isolation", "A pause of another alias holds claimed tasks.", [
    /\(backend, queue_name\) in \(select backend, queue_name from/,
    "queue_name in (select queue_name from",
  ]),
  sql("cancel-untold", "cancel", "A running task is not told of a cancellation.", [
    /session_id, phase, cancel_requested, /,
    "session_id, phase, 0 as cancel_requested, ",
  ]),
  sql("windows-pruned", "prune", "Prune deletes a result whose window lasts.", [
    /and \(unique_key is null or unique_until is null or/,
    "and (1 = 1 or unique_until is null or",
  ]),
  sql("prune-of-all-queues", "prune", "Prune of some queues deletes results of all.", [
    /and (queue_name (?:in|=) [^]*?) order by finished_at/,
    "and (1 = 1 or $1) order by finished_at",
  ]),
  sql("dry-run-of-all-queues", "prune", "A dry run for some queues counts results of all.", [
    /(count\(\*\) as count from [^]*?) and (queue_name (?:in|=) [^]*)$/,
    "$1 and (1 = 1 or $2)",
  ]),
  sql("lower-due-unseen", "order", "Of due tasks only those of the first priority are found.", [
    /priority < level\.priority/g,
    "priority < level.priority - 1000",
  ]),
  sql("due-in-enqueue-order", "order", "Tasks that fell due run in the order of their enqueue.", [
    /order by due, seq limit/g,
    "order by seq limit",
  ]),
  sql("queues-by-name", "order", "Of several queues the first names are served first.", [
    /order by (?:r|head)\.priority desc, (?:r|head)\.due, (?:r|head)\.seq limit/g,
    "order by 1 limit",
  ]),
  sql("renewal-not-shown", "monitor", "A renewal does not show that the worker was seen.", [
    /set last_seen_at = excluded\.last_seen_at, heartbeat/,
    "set heartbeat",
  ]),
  sql("workers-of-all-aliases", "isolation", "Workers of all aliases are shown.", [
    /("heartbeat" > )/,
    "1 = 1 or $1",
  ]),
  sql("window-never-over", "unique", "A window is never over.", [
    /coalesce\(((?:r\.)?unique_until) > /,
    "coalesce($1 + 3600000 > ",
  ]),
];

function sql(name: string, topic: string, sentence: string, rewrite: Mutant["rewrite"]): Mutant {
  return { name: `sql-${name}`, topic, sentence, stores: ["sqlite", "postgres"], rewrite };
}
