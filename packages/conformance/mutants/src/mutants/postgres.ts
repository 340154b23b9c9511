import type { Mutant } from "../mutant.ts";

/** Mistakes in statements of PostgreSQL. */
export const postgresMutants: readonly Mutant[] = [
  postgres("workers-forgotten", "retry", "A claim forgets the workers of earlier attempts.", [
    /worker_ids = case when worker_ids like '\[_%\]' and worker_ids <> '\[\]' then/,
    "worker_ids = case when 1 = 0 then",
  ]),
  postgres("unique-wakes-nobody", "wake", "A new unique task is noticed at the next poll only.", [
    /case when \$5::text is not null then pg_notify\(\$4::text, \$5::text\)::text end from fresh, stamped/,
    "case when $5::text is not null then $4::text end from fresh, stamped",
  ]),
  postgres("batch-wakes-nobody", "wake", "A new batch is noticed at the next poll only.", [
    /pg_notify\((\$\d+)::text, (\$\d+)::text\)::text end from fresh$/,
    "$1::text || $2::text end from fresh",
  ]),
  postgres("due-of-paused-taken", "pause", "Due tasks of paused queues are claimed.", [
    /phase = 2 and queue_name <> all\(/g,
    "phase = 2 and '' <> all(",
  ]),
  postgres("named-paused-served", "pause", "A worker of several named queues serves paused ones.", [
    /except select queue_name from \S+ where backend = \$\d+/g,
    "",
  ]),
  postgres("barred-queues-served", "claim", "Ready tasks of queues to leave out are claimed.", [
    /select name from found where name <> all\(array\(select unnest\((\$\d+)::text::text\[\]\)/g,
    "select name from found where name <> all(array(select unnest($1::text::text[]) where 1 = 0",
  ]),
  postgres("keys-of-all-aliases", "isolation", "A unique key is held for all aliases.", [
    /on taken\.backend = \$1 and taken\.unique_key = asked\.name/,
    "on $1::text is not null and taken.unique_key = asked.name",
  ]),
  postgres("pause-ignored-by-all-queues", "pause", "A worker of all queues serves paused ones.", [
    /(union all select queue_name)( from \S+_paused_queues")/g,
    "$1 || 'x'$2",
  ]),
  postgres(
    "pause-ignored-by-one-queue",
    "pause",
    "A worker of one queue serves it though it is paused.",
    [/(not exists \(select 1 from \S+ where backend = \$4 and queue_name = )\$7\)/, "$1$7 || 'x')"],
  ),
  postgres(
    "pause-ignored-by-named-queues",
    "pause",
    "A worker of several named queues serves paused ones.",
    [/except select queue_name from/g, "except select queue_name || 'x' from"],
  ),
  postgres("pause-of-all-aliases", "isolation", "A pause holds the queues of all aliases.", [
    /(not exists \(select 1 from \S+ where )(backend = \$\d)( and queue_name)/g,
    "$1($2 or true)$3",
  ]),
  postgres("runs-too-early", "defer", "Tasks are ready an hour before they are due.", [
    /due <= \(?/g,
    "due - 3600000 <= (",
  ]),
  postgres("due-time-wakes-nobody", "wake", "A waiting worker does not know of due times.", [
    /select min\(next\.due\)/,
    "select min(next.due) + 3600000",
  ]),
  postgres(
    "claim-by-id-of-due-only",
    "claim",
    "A result that is not due cannot be claimed by its id.",
    [/phase in \(1, 2\)/, "phase in (1)"],
  ),
  postgres("excluded-served", "worker-queues", "A worker of all queues serves the excluded ones.", [
    /name <> all\(/g,
    "name || 'x' <> all(",
  ]),
  postgres("enqueue-notifies-nobody", "wake", "An enqueue notifies no other process.", [
    /(case when \S+ is) not null then pg_notify/g,
    "$1 null then pg_notify",
  ]),
  postgres("first-start-forgotten", "retry", "startedAt is that of the latest attempt.", [
    /started_at = coalesce\(started_at, /,
    "started_at = coalesce(null, ",
  ]),
  postgres(
    "keys-freed-by-every-save",
    "unique",
    "Whatever is stored of an attempt frees its key.",
    [
      /unique_key = case when \(\(select \$2::text::jsonb\) -> id ->> 5\) is null or/,
      "unique_key = case when false or",
    ],
  ),
  postgres("keys-kept-by-failures", "unique", "A failure or cancellation does not free its key.", [
    /unique_key = case when \(\(select \$2::text::jsonb\) -> id ->> 5\) is null or/,
    "unique_key = case when true or",
  ]),
  postgres("recovers-the-living", "recovery", "Recovery takes the tasks of living sessions.", [
    /select session_id, lease_ms, heartbeat, /,
    "select session_id, lease_ms, 1 as heartbeat, ",
  ]),
  postgres("batch-in-any-order", "order", "The numbers of a batch are in the reverse order.", [
    /array_agg\(seq order by seq\)/,
    "array_agg(seq order by seq desc)",
  ]),
  postgres("retry-is-due-at-once", "retry", "What is stored of an attempt is ready at once.", [
    /(-> id ->> 0\)::smallint) = 1 and /,
    "$1 = 9 and ",
  ]),
];

function postgres(
  name: string,
  topic: string,
  sentence: string,
  rewrite: Mutant["rewrite"],
): Mutant {
  return { name: `postgres-${name}`, topic, sentence, stores: ["postgres"], rewrite };
}
