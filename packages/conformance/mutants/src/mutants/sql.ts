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
  sql("window-never-over", "unique", "A window is never over.", [
    /coalesce\(((?:r\.)?unique_until) > /,
    "coalesce($1 + 3600000 > ",
  ]),
];

function sql(name: string, topic: string, sentence: string, rewrite: Mutant["rewrite"]): Mutant {
  return { name: `sql-${name}`, topic, sentence, stores: ["sqlite", "postgres"], rewrite };
}
