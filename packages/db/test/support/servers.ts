import { createId } from "@tasks/core";
import { createPool, type Pool as MysqlPool } from "mysql2/promise";
import { Pool as PgPool } from "pg";
import { afterAll } from "vitest";

import { mariadbUrl } from "./mariadb.ts";
import { postgresUrl } from "./postgres.ts";

/** A place for tables of one test's own, on the test run's server. */
export interface ServerTables {
  /** Options of a backend on them. */
  readonly source: { readonly url: string; readonly schema?: string };
  /** All results look as if a worker that is gone were running them. */
  loseAll(): Promise<void>;
  /** Locks a row in a transaction of its own, until the function it resolves with is called. */
  hold(id: string): Promise<() => Promise<void>>;
  /** Somebody has rows locked that he stored. */
  isWriting(): Promise<boolean>;
  drop(): Promise<void>;
}

export type ServerName = "postgres" | "mariadb";

const LOSE = "set phase = 3, fence = 1, session_id = 'gone'";

let pgPool: PgPool | undefined;
let mysqlPool: MysqlPool | undefined;
afterAll(async () => {
  await Promise.all([pgPool?.end(), mysqlPool?.end()]);
});

/** Where to have tables, by kind of server. */
export const servers: Readonly<Record<ServerName, { createTables(): Promise<ServerTables> }>> = {
  postgres: {
    createTables: async () => {
      const pool = (pgPool ??= new PgPool({ connectionString: postgresUrl(), max: 5 }));
      const schema = `t_${createId()}`;
      const results = `${schema}.tasks_results`;
      return {
        source: { url: postgresUrl(), schema },
        loseAll: async () => void (await pool.query(`update ${results} ${LOSE}`)),
        hold: async (id) => {
          const client = await pool.connect();
          await client.query("begin");
          await client.query(`select 1 from ${results} where id = $1 for update`, [id]);
          return async () => {
            await client.query("rollback");
            client.release();
          };
        },
        isWriting: async () => {
          const { rowCount } = await pool.query(
            `select 1 from pg_locks join pg_namespace n on n.nspname = $1 join pg_class c on c.relnamespace = n.oid
where pg_locks.relation = c.oid and mode = 'RowExclusiveLock'`,
            [schema],
          );
          return (rowCount ?? 0) > 0;
        },
        drop: async () => void (await pool.query(`drop schema ${schema} cascade`)),
      };
    },
  },
  mariadb: {
    createTables: async () => {
      const pool = (mysqlPool ??= createPool({ uri: mariadbUrl(), connectionLimit: 5 }));
      const name = `t_${createId()}`;
      await pool.query(`create database ${name}`);
      const url = new URL(mariadbUrl());
      url.pathname = `/${name}`;
      const results = `${name}.tasks_results`;
      return {
        source: { url: url.href },
        loseAll: async () => void (await pool.query(`update ${results} ${LOSE}`)),
        hold: async (id) => {
          const client = await pool.getConnection();
          await client.beginTransaction();
          await client.query(`select 1 from ${results} where id = ? for update`, [id]);
          return async () => {
            await client.rollback();
            client.release();
          };
        },
        isWriting: async () => {
          const client = await pool.getConnection();
          try {
            // What is not committed yet is seen like this alone.
            await client.query("set transaction isolation level read uncommitted");
            const [rows] = await client.query(`select 1 from ${results} limit 1`);
            const [committed] = await client.query(`select 1 from ${results} limit 1`);
            return (rows as unknown[]).length > (committed as unknown[]).length;
          } finally {
            client.release();
          }
        },
        drop: async () => void (await pool.query(`drop database ${name}`)),
      };
    },
  },
};
