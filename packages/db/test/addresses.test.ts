import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { createServer, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { createId, task, taskLog, withBackends } from "@tasks/core";
import { DatabaseBackend } from "@tasks/db";
import { afterAll, describe, expect, it, onTestFinished } from "vitest";

import { LEASE_MS, expectAllToWork } from "./support/expect-all-to-work.ts";
import { createDatabases, createPool as createMariadbPool } from "./support/mariadb.ts";
import { createPool, postgresUrl } from "./support/postgres.ts";

taskLog.connect(() => undefined);
const greet = task({ name: "address.greet" }, (name: string) => `Hello, ${name}!`);

/** A socket in the file system that leads to a server. */
async function openSocket(url: string, name: string): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "tasks-"));
  const { hostname, port } = new URL(url);
  const server = createServer((near) => {
    const far = connect(Number(port), hostname);
    near.pipe(far).pipe(near);
    near.on("error", () => far.destroy());
    far.on("error", () => near.destroy());
  });
  await new Promise<void>((resolve) => {
    server.listen(join(folder, name), resolve);
  });
  onTestFinished(() => {
    server.close();
    rmSync(folder, { recursive: true });
  });
  return folder;
}

describe("addresses of PostgreSQL", () => {
  const admin = createPool(2);
  const roles: string[] = [];
  afterAll(async () => {
    for (const role of roles) await admin.query(`drop owned by ${role} cascade; drop role ${role}`);
  });
  const database = (): string => new URL(postgresUrl()).pathname.slice(1);
  const user = (): string => new URL(postgresUrl()).username;

  it.each([
    [
      "in the place of the host",
      (folder: string) => `postgres://${user()}@${encodeURIComponent(folder)}/${database()}`,
    ],
    ["as a parameter", (folder: string) => `postgres://${user()}@/${database()}?host=${folder}`],
    [
      "with the user as a parameter",
      (folder: string) => `postgresql:///${database()}?host=${folder}&user=${user()}`,
    ],
  ])(
    "may be a socket, %s",
    async (_name, urlOf) => {
      const folder = await openSocket(postgresUrl(), ".s.PGSQL.5432");
      const schema = `t_${createId()}`;
      onTestFinished(
        async () => void (await admin.query(`drop schema if exists ${schema} cascade`)),
      );
      await using backend = new DatabaseBackend({ url: urlOf(folder), schema, leaseMs: LEASE_MS });
      await backend.migrate();
      await expectAllToWork(backend);
    },
    60_000,
  );

  it("may have any character in the password", async () => {
    const role = `t_${createId()}`;
    const password = "a%b@c:d/e?f#g é";
    roles.push(role);
    await admin.query(`create role ${role} login password '${password}'`);
    await admin.query(`create schema ${role} authorization ${role}`);
    const url = new URL(postgresUrl());
    url.username = role;
    url.password = encodeURIComponent(password);
    await using backend = new DatabaseBackend({ url: url.href, schema: role });
    await backend.migrate();
    await withBackends({ default: backend }, () => greet.enqueue("Ada"));
    expect(await backend.counts()).toMatchObject({ READY: 1 });
  });

  it("may name the schema, the pooler and the size of the pool as parameters, as Prisma does", async () => {
    const schema = `t_${createId()}`;
    onTestFinished(async () => void (await admin.query(`drop schema if exists ${schema} cascade`)));
    const url = new URL(postgresUrl());
    url.search = `schema=${schema}&pgbouncer=true&connection_limit=1`;
    await using backend = new DatabaseBackend({ url: url.href });
    await backend.migrate();
    await withBackends({ default: backend }, () => greet.enqueue("Ada"));
    const counted = await admin.query(`select count(*)::int as count from ${schema}.tasks_results`);
    expect(counted.rows).toEqual([{ count: 1 }]);
    await Promise.all(Array.from({ length: 5 }, () => backend.counts()));
    const used = await admin.query("select pid from pg_stat_activity where query like $1", [
      `%count(%${schema}%`,
    ]);
    expect(used.rows).toHaveLength(1);
  });

  it("give way to options", async () => {
    const schema = `t_${createId()}`;
    onTestFinished(async () => void (await admin.query(`drop schema if exists ${schema} cascade`)));
    await using backend = new DatabaseBackend({ url: `${postgresUrl()}?schema=public`, schema });
    await backend.migrate();
    const found = await admin.query("select to_regclass($1) is not null as found", [
      `${schema}.tasks_results`,
    ]);
    expect(found.rows).toEqual([{ found: true }]);
  });

  it.each([
    ["search_path=app", /the parameter search_path.*Write schema=name/],
    ["currentSchema=app", /the parameter currentSchema.*Write schema=name/],
    ["schema=no-name", /schema must be/],
    ["pgbouncer=yes", /pgbouncer of the PostgreSQL url must be true or false, not "yes"/],
    ["connection_limit=many", /poolSize must be/],
  ])("with parameters that cannot be kept are refused: %s", (query, message) => {
    const url = `postgres://me:secret@localhost/app?${query}`;
    expect(() => new DatabaseBackend({ url })).toThrow(message);
    expect(() => new DatabaseBackend({ url })).not.toThrow(/secret/);
  });

  it("with several hosts are refused, without showing the password", () => {
    expect(() => new DatabaseBackend({ url: "postgres://me:secret@a:1,b:2/app" })).toThrow(
      /`pg` takes one host/,
    );
    expect(() => new DatabaseBackend({ url: "postgres://me:secret@a:1,b:2/app" })).not.toThrow(
      /secret/,
    );
  });
});

describe("addresses of MariaDB", () => {
  const databases = createDatabases(createMariadbPool());

  it("may be a socket", async () => {
    const { url } = await databases.create();
    const folder = await openSocket(url, "server.sock");
    const bySocket = new URL(url);
    bySocket.host = "localhost";
    bySocket.searchParams.set("socketPath", join(folder, "server.sock"));
    await using backend = new DatabaseBackend({ url: bySocket.href, leaseMs: LEASE_MS });
    await backend.migrate();
    await expectAllToWork(backend);
  }, 60_000);
});

describe("addresses of SQLite", () => {
  it.each(["sqlite:tasks.db?mode=memory", "sqlite::memory:?cache=shared", "sqlite:file:tasks.db"])(
    "have no parameters: %s",
    (url) => {
      expect(() => new DatabaseBackend({ url })).toThrow("without parameters");
    },
  );

  it("lead to one file through links, for the lease thread too", async () => {
    const folder = mkdtempSync(join(tmpdir(), "tasks a%20b "));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    symlinkSync(folder, `${folder}-link`);
    onTestFinished(() => rmSync(`${folder}-link`));
    await using backend = new DatabaseBackend({
      url: `sqlite:${folder}-link/tasks.db`,
      leaseMs: LEASE_MS,
    });
    await expectAllToWork(backend);
  }, 30_000);
});
