import { createConnection, type ResultSetHeader, type RowDataPacket } from "mysql2/promise";

import type { Drainer } from "./drainer.ts";

/** Jobs in one claim and one completion. */
const BATCH = 100;

/** What a server allows: plain statements on a plain table, no results, no retries, no leases. */
export async function openBare(url: string): Promise<Drainer> {
  const connection = await createConnection(url);
  await connection.query("set session transaction isolation level read committed");
  return {
    prepare: async () => {
      await connection.query("drop table if exists bare_jobs");
      await connection.query(
        `create table bare_jobs (
  id bigint not null auto_increment primary key,
  state tinyint not null,
  worker varchar(64),
  result varchar(64),
  key bare_state (state, id)
) engine = innodb`,
      );
    },
    fill: async (count) => {
      await connection.query(
        `insert into bare_jobs (state) with recursive n(i) as (select 1 union all select i + 1 from n where i < 1000) select 0 from n`,
      );
      for (let filled = 1000; filled < count; filled += 1000) {
        await connection.query("insert into bare_jobs (state) select 0 from bare_jobs limit 1000");
      }
    },
    drain: async () => {
      let handled = 0;
      for (;;) {
        await connection.query("start transaction");
        const [rows] = await connection.execute<RowDataPacket[]>(
          `select id from bare_jobs where state = 0 order by id limit ${BATCH} for update skip locked`,
        );
        const ids = rows.map(({ id }) => Number(id)).join(", ");
        if (ids !== "") {
          await connection.query(
            `update bare_jobs set state = 1, worker = 'bare' where id in (${ids})`,
          );
        }
        await connection.query("commit");
        if (ids === "") return handled;
        const [done] = await connection.query<ResultSetHeader>(
          `update bare_jobs set state = 2, result = 'null' where id in (${ids}) and state = 1`,
        );
        handled += done.affectedRows;
      }
    },
    close: () => connection.end(),
  };
}
