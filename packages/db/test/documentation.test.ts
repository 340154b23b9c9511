import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { promisify } from "node:util";

import { createId } from "@tasks/core";
import { DatabaseBackend } from "@tasks/db";
import { Pool } from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { createDatabases, createPool as createMariadbPool } from "./support/mariadb.ts";
import { createPool, postgresUrl } from "./support/postgres.ts";

const page = await readFile(new URL("../../../docs/transactions.md", import.meta.url), "utf8");
const programs = Array.from(
  page.matchAll(/```ts\n\/\/ (\S+)\n(.*?)```/gs),
  ([, file = "", code = ""]) => ({ file, code }),
);

const server = createPool(1);
const mariadb = createMariadbPool();
const databases = createDatabases(mariadb);
/** A database of the page's own: its programs use plain names. */
const database = `tasks_${createId()}`;
const url = new URL(postgresUrl());
url.pathname = `/${database}`;
const pool = new Pool({ connectionString: url.href, max: 1 });
// Dropping the database ends its connections.
pool.on("error", () => undefined);
/** Beside the tests, so that the packages are found from there. */
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(import.meta.dirname, "page-"));
  for (const { file, code } of programs) await writeFile(join(folder, file), code);
  // Where `prisma generate` would write it.
  await mkdir(join(folder, "generated"));
  await writeFile(
    join(folder, "generated/client.ts"),
    'export { PrismaClient } from "../../support/prisma-client.ts";',
  );
  await server.query(`create database ${database}`);
  await pool.query("create table users (email text primary key)");
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
  await pool.end();
  await server.query(`drop database if exists ${database} with (force)`);
});

describe("the page on transactions", { timeout: 60_000 }, () => {
  it("has a program for every library", () => {
    expect(programs.map(({ file }) => file)).toEqual([
      "tasks.ts",
      "kysely.ts",
      "pg.ts",
      "mysql2.ts",
      "drizzle.ts",
      "drizzle-sqlite.ts",
      "knex.ts",
      "prisma.ts",
      "anything-else.ts",
    ]);
  });

  it.each(programs.map(({ file }) => file).filter((file) => file !== "tasks.ts"))(
    "has a program that commits a row and a task: %s",
    async (file) => {
      const { url, users } = (await PLACES[file]?.()) ?? (await onPostgres());
      await using backend = new DatabaseBackend({ url });
      await backend.migrate({ to: 0 });
      await backend.migrate();
      // Pools would keep the process alive for a while.
      const program = `await import("./${file}"); process.exit();`;
      await promisify(execFile)(process.execPath, ["--input-type=module", "-e", program], {
        cwd: folder,
        env: { ...process.env, DATABASE_URL: url },
      });
      expect(await users()).toEqual([{ email: "ada@example.com" }]);
      const { results } = await backend.list();
      expect(results.map(({ taskName, args }) => [taskName, ...args])).toEqual([
        ["sendWelcome", "ada@example.com"],
      ]);
    },
  );
});

/** Where a program stores its rows and tasks. */
interface Place {
  readonly url: string;
  readonly users: () => Promise<unknown>;
}

async function onPostgres(): Promise<Place> {
  await pool.query("truncate users");
  return { url: url.href, users: async () => (await pool.query("select email from users")).rows };
}

const PLACES: Readonly<Record<string, () => Promise<Place>>> = {
  "drizzle-sqlite.ts": async () => {
    const path = join(folder, "app.db");
    const users = async (): Promise<unknown> => {
      const database = new DatabaseSync(path);
      const rows = database.prepare("select email from users").all();
      database.close();
      return rows;
    };
    return { url: `sqlite:${path}`, users };
  },
  "mysql2.ts": async () => {
    const { name, url: mysqlUrl } = await databases.create();
    await mariadb.query(`create table ${name}.users (email varchar(100) primary key)`);
    const users = async (): Promise<unknown> =>
      (await mariadb.query(`select email from ${name}.users`))[0];
    return { url: mysqlUrl, users };
  },
};
