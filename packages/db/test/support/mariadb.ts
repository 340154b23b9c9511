import { createId } from "@tasks/core";
import { DatabaseBackend, type DatabaseBackendOptions } from "@tasks/db";
import { createPool as createMysqlPool, type Pool } from "mysql2/promise";
import { afterAll, inject } from "vitest";

/** The test run's server. Everybody uses tables or databases of their own on it. */
export function mariadbUrl(): string {
  const url = inject("serviceUrls").mariadb;
  if (url === undefined) throw new Error("The test run has no MariaDB server.");
  return url;
}

/** A pool of the test file's own, ended after it. */
export function createPool(options: { readonly database?: string } = {}): Pool {
  const pool = createMysqlPool({ uri: mariadbUrl(), connectionLimit: 8, ...options });
  afterAll(() => pool.end());
  return pool;
}

/** Runs `run` on a connection inside a transaction. */
export async function inMysqlTransaction<T>(
  pool: Pool,
  run: (transaction: unknown) => Promise<T>,
): Promise<T> {
  const connection = await pool.getConnection();
  try {
    await connection.beginTransaction();
    const result = await run(connection);
    await connection.commit();
    return result;
  } catch (error) {
    await connection.rollback();
    throw error;
  } finally {
    connection.release();
  }
}

/** A database, and the backend whose tables are in it. */
export interface OpenDatabase {
  readonly name: string;
  readonly url: string;
  readonly backend: DatabaseBackend;
}

/** Databases of one test file, dropped after it. */
export interface Databases {
  /** An empty one. */
  create(): Promise<{ readonly name: string; readonly url: string }>;
  /** One with tables. */
  open(options?: Partial<DatabaseBackendOptions>): Promise<OpenDatabase>;
}

export function createDatabases(pool: Pool): Databases {
  const names: string[] = [];
  afterAll(async () => {
    for (const name of names) await pool.query(`drop database if exists ${name}`);
  }, 60_000);
  const create: Databases["create"] = async () => {
    const name = `t_${createId()}`;
    await pool.query(`create database ${name}`);
    names.push(name);
    const url = new URL(mariadbUrl());
    url.pathname = `/${name}`;
    return { name, url: url.href };
  };
  return {
    create,
    open: async (options = {}) => {
      const { name, url } = await create();
      const backend = new DatabaseBackend({ url, poolSize: 4, ...options });
      await backend.migrate();
      return { name, url, backend };
    },
  };
}
