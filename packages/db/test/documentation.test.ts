import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { promisify } from "node:util";

import { createId } from "@tasks/core";
import { DatabaseBackend } from "@tasks/db";
import { Pool } from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { createPool, postgresUrl } from "./support/postgres.ts";

const page = await readFile(new URL("../../../docs/transactions.md", import.meta.url), "utf8");
const programs = Array.from(
  page.matchAll(/```ts\n\/\/ (\S+)\n(.*?)```/gs),
  ([, file = "", code = ""]) => ({ file, code }),
);

const server = createPool(1);
/** A database of the page's own: its programs use plain names. */
const database = `tasks_${createId()}`;
const url = new URL(postgresUrl());
url.pathname = `/${database}`;
const pool = new Pool({ connectionString: url.href, max: 1 });
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
      await pool.query("truncate users");
      await using backend = new DatabaseBackend({ url: url.href });
      await backend.migrate({ to: 0 });
      await backend.migrate();
      // Pools would keep the process alive for a while.
      const program = `await import("./${file}"); process.exit();`;
      await promisify(execFile)(process.execPath, ["--input-type=module", "-e", program], {
        cwd: folder,
        env: { ...process.env, DATABASE_URL: url.href },
      });
      const isSqlite = file === "drizzle-sqlite.ts";
      const users = isSqlite
        ? readSqliteUsers()
        : (await pool.query("select email from users")).rows;
      expect(users).toEqual([{ email: "ada@example.com" }]);
      await using sqlite = new DatabaseBackend({ url: `sqlite:${join(folder, "app.db")}` });
      const { results } = await (isSqlite ? sqlite : backend).list();
      expect(results.map(({ taskName, args }) => [taskName, ...args])).toEqual([
        ["sendWelcome", "ada@example.com"],
      ]);
    },
  );
});

function readSqliteUsers(): unknown[] {
  const database = new DatabaseSync(join(folder, "app.db"));
  const rows = database.prepare("select email from users").all();
  database.close();
  return rows;
}
