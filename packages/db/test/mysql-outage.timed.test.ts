import { task, taskLog, withBackends } from "@tasks/core";
import { DatabaseBackend } from "@tasks/db";
import { createPool as createMysqlPool } from "mysql2";
import { createConnection } from "mysql2/promise";
import { describe, expect, it, vi } from "vitest";

import { TcpProxy } from "../../../scripts/services/tcp-proxy.ts";
import { toCorePool } from "../src/connections/mysql-client.ts";
import { MysqlConnection } from "../src/connections/mysql-connection.ts";
import { canStartServers, startMariadb } from "./support/mariadb-server.ts";
import { createDatabases, createPool } from "./support/mariadb.ts";

const databases = createDatabases(createPool());
taskLog.connect(() => undefined);

const greet = task({ name: "mysql.greet" }, (name: string) => `Hello, ${name}!`);

describe("a server that goes away", () => {
  it.skipIf(!canStartServers)(
    "is survived by a worker: tasks go on within two seconds of its return, each recorded once",
    async () => {
      await using server = await startMariadb();
      const ran: number[] = [];
      const count = task({ name: "mysql.count" }, async (index: number) => {
        await new Promise((resolve) => setTimeout(resolve, 5));
        ran.push(index);
      });
      const backend = new DatabaseBackend({ url: server.url, poolSize: 4 });
      await backend.migrate();
      await withBackends({ default: backend }, async () => {
        const worker = await backend.createWorker({ concurrency: 5, intervalMs: 50 });
        const running = worker.run();
        const results = await count.enqueueMany(Array.from({ length: 400 }, (_, n) => [n]));
        for (let round = 1; round <= 3; round++) {
          await vi.waitFor(() => expect(ran.length).toBeGreaterThan(round * 60), 10_000);
          await server.kill();
          await expect(count.enqueue(-1)).rejects.toMatchObject({
            code: "TASKS_BACKEND_UNAVAILABLE",
          });
          await server.start();
          const before = ran.length;
          const backAtMs = performance.now();
          await vi.waitFor(() => expect(ran.length).toBeGreaterThan(before + 5), 10_000);
          expect(performance.now() - backAtMs).toBeLessThan(2000);
        }
        await vi.waitFor(
          async () => expect(await backend.counts()).toMatchObject({ SUCCESSFUL: 400 }),
          15_000,
        );
        expect(ran.toSorted((a, b) => a - b)).toEqual(results.map((_, index) => index));
        await server.kill();
        await worker.stop();
        await running;
        const closingAtMs = performance.now();
        await backend.close();
        expect(performance.now() - closingAtMs).toBeLessThan(3000);
      });
    },
    90_000,
  );

  it("is given up when it does not answer, with every connection that may have fallen silent too", async () => {
    const { url, backend } = await databases.open();
    await using network = await TcpProxy.to(url);
    const mysqlPool = createMysqlPool({ uri: network.url, connectionLimit: 3 });
    const connection = new MysqlConnection(toCorePool(mysqlPool), {
      where: "the server",
      busyLimitMs: 0,
      owned: true,
      inquiry: { findIdle: async () => [], end: async () => undefined },
      answerLimitMs: 1500,
    });
    const select = (): Promise<unknown> => connection.query("select ? as answer", ["here"]);
    await Promise.all([
      select(),
      select(),
      connection.transaction((inside) => inside.query("select 1", [])),
    ]);
    network.swallow();
    const asked = performance.now();
    await expect(
      connection.transaction((inside) => inside.query("select 1", [])),
    ).rejects.toMatchObject({ code: "TASKS_BACKEND_UNAVAILABLE" });
    // Not once more for the rollback.
    expect(performance.now() - asked).toBeLessThan(2900);
    network.pass();
    // Connections of before are not tried one after another: nothing waits for an answer that never comes.
    const back = performance.now();
    expect(await Promise.all([select(), select(), select()])).toEqual(
      Array.from({ length: 3 }, () => [{ answer: "here" }]),
    );
    expect(performance.now() - back).toBeLessThan(1400);
    network.swallow();
    const closing = performance.now();
    void select().catch(() => undefined);
    await connection.close();
    expect(performance.now() - closing).toBeLessThan(3000);
    await backend.close();
  }, 15_000);

  it.skipIf(!canStartServers)(
    "is BackendUnavailable while it takes no writes, and back at once after that",
    async () => {
      await using server = await startMariadb();
      const root = await createConnection(server.url);
      // Rights of root go beyond read_only.
      await root.query("create database app");
      await root.query("create user app@'%'");
      await root.query("grant all on app.* to app@'%'");
      const url = server.url.replace("root@", "app@").replace(/\/mysql$/, "/app");
      await using backend = new DatabaseBackend({ url, poolSize: 2 });
      await backend.migrate();
      await withBackends({ default: backend }, async () => {
        await root.query("set global read_only = on");
        await expect(greet.enqueue("Ada")).rejects.toMatchObject({
          code: "TASKS_BACKEND_UNAVAILABLE",
        });
        await root.query("set global read_only = off");
        const result = await greet.enqueue("Ada");
        expect(await backend.readRecord(result.id)).toBeDefined();
      });
      await root.end();
    },
    60_000,
  );
});
