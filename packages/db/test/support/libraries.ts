import { PrismaPg } from "@prisma/adapter-pg";
import { mysqlTable, varchar } from "drizzle-orm/mysql-core";
import { drizzle as drizzleMysql } from "drizzle-orm/mysql2";
import { drizzle } from "drizzle-orm/node-postgres";
import { pgSchema, text } from "drizzle-orm/pg-core";
import knex from "knex";
import { Kysely, PostgresDialect } from "kysely";
import type { Pool as MysqlPool } from "mysql2/promise";
import type { Pool } from "pg";
import { onTestFinished } from "vitest";

import { postgresUrl } from "./postgres.ts";
import { PrismaClient } from "./prisma-client.ts";

/** How a library does things in one schema, which has a table `users (email text)`. */
export interface Library {
  /** Commits when `work` resolves, and rolls back when it rejects. */
  transaction<T>(work: (transaction: unknown) => Promise<T>): Promise<T>;
  /** The same to a savepoint of a transaction. */
  savepoint(transaction: unknown, work: (inner: unknown) => Promise<unknown>): Promise<unknown>;
  addUser(transaction: unknown, email: string): Promise<unknown>;
  /** What people pass by mistake. */
  readonly outside: unknown;
}

type Open = (pool: Pool, schema: string) => Library;
// oxlint-disable-next-line typescript/no-explicit-any -- each library has a type of its own, and its functions know which
type Any = any;

/** The libraries on PostgreSQL by name, each used as its own documentation says. */
export const POSTGRES_LIBRARIES: Readonly<Record<string, Open>> = {
  pg: (pool, schema) => ({
    transaction: async (work) => {
      const client = await pool.connect();
      try {
        await client.query("begin");
        const result = await work(client);
        await client.query("commit");
        return result;
      } catch (error) {
        await client.query("rollback");
        throw error;
      } finally {
        client.release();
      }
    },
    savepoint: async (client: Any, work) => {
      await client.query("savepoint inner_part");
      await work(client).catch(async (error: unknown) => {
        await client.query("rollback to savepoint inner_part");
        throw error;
      });
    },
    addUser: (client: Any, email) =>
      client.query(`insert into ${schema}.users (email) values ($1)`, [email]),
    outside: pool,
  }),

  Kysely: (pool, schema) => {
    const db = new Kysely<Any>({ dialect: new PostgresDialect({ pool }) }).withSchema(schema);
    return {
      transaction: async (work) => {
        const trx = await db.startTransaction().execute();
        try {
          const result = await work(trx);
          await trx.commit().execute();
          return result;
        } catch (error) {
          await trx.rollback().execute();
          throw error;
        }
      },
      savepoint: async (trx: Any, work) => {
        const inner = await trx.savepoint("inner_part").execute();
        await work(inner).catch(async (error: unknown) => {
          await inner.rollbackToSavepoint("inner_part").execute();
          throw error;
        });
      },
      addUser: (trx: Any, email) => trx.insertInto("users").values({ email }).execute(),
      outside: db,
    };
  },

  Drizzle: (pool, schema) => {
    const db = drizzle({ client: pool });
    const users = pgSchema(schema).table("users", { email: text("email").notNull() });
    return {
      transaction: (work) => db.transaction(work),
      savepoint: (tx: Any, work) => tx.transaction(work),
      addUser: (tx: Any, email) => tx.insert(users).values({ email }),
      outside: db,
    };
  },

  Knex: (_pool, schema) => {
    const db = knex({ client: "pg", connection: postgresUrl(), searchPath: [schema] });
    onTestFinished(() => db.destroy());
    return {
      transaction: (work) => db.transaction(work),
      savepoint: (trx: Any, work) => trx.transaction(work),
      addUser: (trx: Any, email) => trx("users").insert({ email }),
      outside: db,
    };
  },

  Prisma: (_pool, schema) => {
    const adapter = new PrismaPg({ connectionString: postgresUrl() }, { schema });
    const prisma = new PrismaClient({ adapter });
    onTestFinished(() => prisma.$disconnect());
    return {
      transaction: (work) => prisma.$transaction(work),
      savepoint: (tx: Any, work) => tx.$transaction(work),
      addUser: (tx: Any, email) => tx.users.create({ data: { email } }),
      outside: prisma,
    };
  },
};

/** The same on MySQL and MariaDB, for a pool of one database. */
export const MYSQL_LIBRARIES: Readonly<Record<string, (pool: MysqlPool, url: string) => Library>> =
  {
    Drizzle: (pool) => {
      const db = drizzleMysql({ client: pool });
      const users = mysqlTable("users", { email: varchar("email", { length: 100 }).notNull() });
      return {
        transaction: (work) => db.transaction(work),
        savepoint: (tx: Any, work) => tx.transaction(work),
        addUser: (tx: Any, email) => tx.insert(users).values({ email }),
        outside: db,
      };
    },

    Knex: (_pool, url) => {
      const db = knex({ client: "mysql2", connection: url });
      onTestFinished(() => db.destroy());
      return {
        transaction: (work) => db.transaction(work),
        savepoint: (trx: Any, work) => trx.transaction(work),
        addUser: (trx: Any, email) => trx("users").insert({ email }),
        outside: db,
      };
    },
  };
