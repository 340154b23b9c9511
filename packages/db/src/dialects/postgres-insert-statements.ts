import { RECORD_COLUMNS } from "../rows.ts";
import type { TableNames } from "../tables.ts";
import { hasIdOf } from "./postgres-ids.ts";
import { CLOCK, literal, NOW, postgresNames } from "./postgres-names.ts";

/** Statements that store tasks. */
export interface PostgresInsertStatements {
  /** Reads by what the open transaction is known. Outside of one, every statement is a transaction of its own. */
  readonly mark: string;
  readonly insert: string;
  readonly insertAlike: string;
  readonly insertMany: string;
  readonly insertCareful: string;
  readonly findIds: string;
  readonly findKeys: string;
}

const built = new Map<string, PostgresInsertStatements>();

/** Statements of one set of tables. */
export function postgresInsertStatements(tables: TableNames): PostgresInsertStatements {
  const key = JSON.stringify([tables.schema, tables.results]);
  let statements = built.get(key);
  if (statements === undefined) {
    statements = Object.freeze(buildStatements(tables));
    built.set(key, statements);
  }
  return statements;
}

/** The same within a transaction, also after a rollback to a savepoint, and in no other one. */
const MARK = "(pg_backend_pid() || ' ' || extract(epoch from transaction_timestamp()))";

const COLUMNS =
  "seq, id, has_given_id, backend, queue_name, task_name, priority, max_lost, metadata, args, phase, due, run_after, enqueued_at";

function buildStatements(tables: TableNames): PostgresInsertStatements {
  const { results, keys, sequence } = postgresNames(tables);
  const next = `nextval(${literal(sequence)})`;
  /** Nothing is stored outside of the transaction that has the mark. */
  const isInForce = (mark: string): string => `(${mark}::text is null or ${MARK} = ${mark}::text)`;
  /** Times follow the server's clock: a relative one counts from now. */
  const values = (seq: string, isGiven: string): string => `select ${seq},
  case when ${isGiven} then r.id else lpad(to_hex(${seq}), 12, '0') || r.id end, (${isGiven}),
  $1::text, r.queue_name, r.task_name, r.priority, r.max_lost, r.metadata, r.args,
  case when coalesce(r.run_after, now + r.delay, 0) <= now then 1 else 2 end,
  coalesce(r.run_after, now + r.delay, now), coalesce(r.run_after, now + r.delay), now`;
  const settings = `$4::text as queue_name, $5::text as task_name, $6::smallint as priority, $7::integer as max_lost,
  $8::text as metadata, $10::bigint as run_after, $11::bigint as delay`;
  const one = `fresh, (select $2::text as id, $9::text as args, ${settings}) r`;
  const alike = `(select id, args, position, ${settings}
  from unnest($2::text::text[], $9::text::text[]) with ordinality as given(id, args, position)) r`;
  const many = (
    more = "",
  ): string => `json_to_recordset($2::text::json) as r(id text, is_given boolean, position integer, queue_name text, task_name text,
  priority smallint, max_lost integer, metadata text, args text, run_after bigint, delay bigint${more})`;
  const told = (channel: string, message: string): string =>
    `case when ${message}::text is not null then pg_notify(${channel}::text, ${message}::text)::text end`;
  /** Which row gets which number is said here: the order in which a statement stores its rows is nobody's promise. */
  const fresh = (count: string, mark: string, more = ""): string => `with fresh as materialized (
  select array_agg(seq order by seq) as seqs, ${NOW} as now${more}
  from (select ${next} as seq from generate_series(1, ${count}::integer)) drawn having ${isInForce(mark)})`;
  const ofMany = (
    rows: string,
    count: string,
    isGiven: string,
    tell: string,
    mark: string,
  ): string =>
    `${fresh(count, mark)},
stored as (insert into ${results} (${COLUMNS}) ${values("seqs[r.position]", isGiven)} from fresh, ${rows})
select now as enqueued_at, array_to_string(seqs, ',') as seqs, ${tell} from fresh`;
  const record = RECORD_COLUMNS.map((column) => `r.${column}`).join(", ");
  return {
    mark: `select ${MARK} as mark`,
    insert: `insert into ${results} (${COLUMNS})
with fresh as materialized (select ${next} as seq, ${NOW} as now where ${isInForce("$14")})
${values("seq", "$3::integer = 1")} from ${one} returning enqueued_at, seq, ${told("$12", "$13")}`,
    insertAlike: ofMany(alike, "$14", "$3::integer = 1", told("$12", "$13"), "$15"),
    insertMany: ofMany(many(), "$3", "r.is_given", told("$4", "$5"), "$6"),
    // A key is taken before its task is stored, by the row that was seen to name it: whoever is late in either finds out here, and stores nothing.
    // Windows count from the moment when all keys are taken: that may have meant to wait.
    insertCareful: `${fresh("$3", "$6", `, case when $7::text is not null then set_config('lock_timeout', $7::text, true) end`)},
asked as materialized (select seqs[r.position] as seq, r.* from fresh,
  ${many(", unique_key text, unique_scope text, window_ms bigint, replaces bigint")}),
fresh_keys as (insert into ${keys} (backend, unique_key, holder)
  select $1::text, unique_key, seq from asked where unique_key is not null and replaces is null order by unique_key
  on conflict do nothing returning holder),
taken_keys as (update ${keys} as taken set holder = asked.seq from asked
  where taken.backend = $1::text and taken.unique_key = asked.unique_key and taken.holder = asked.replaces returning taken.holder),
taken as materialized (select holder from fresh_keys union all select holder from taken_keys),
stamped as materialized (select count(*), ${CLOCK} as now from taken),
stored as (insert into ${results} (${COLUMNS}, unique_key, unique_scope, unique_until)
  ${values("r.seq", "r.is_given")}, r.unique_key, r.unique_scope, now + r.window_ms
  from stamped, asked r where r.unique_key is null or r.seq in (select holder from taken)
  on conflict (backend, id) where has_given_id do nothing returning seq)
select stamped.now as enqueued_at, array_to_string(seqs, ',') as seqs, (select string_agg(seq::text, ',') from stored) as stored,
  ${told("$4", "$5")} from fresh, stamped`,
    findIds: `select ${RECORD_COLUMNS.join(", ")} from ${results} where ${hasIdOf(results, "$2", "$3", "$1")}`,
    findKeys: `select taken.unique_key as taken_key, taken.holder, ${record}
from unnest($2::text::text[]) asked(name) join ${keys} taken on taken.backend = $1 and taken.unique_key = asked.name
left join ${results} r on r.seq = taken.holder and r.backend = $1 and r.unique_key = taken.unique_key
  and coalesce(r.unique_until > ${NOW}, true)`,
  };
}
