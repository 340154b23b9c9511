import { inspect } from "node:util";

import { createId, task, taskLog } from "@tasks/core";
import { RQBackend } from "@tasks/rq";
import { Redis } from "ioredis";
import { describe, expect, it, onTestFinished } from "vitest";

import { createFolder } from "./support/folder.ts";
import { openBackend } from "./support/open.ts";
import { RedisServer } from "./support/redis-server.ts";

taskLog.connect(() => undefined);
const folder = createFolder();
const echo = task({ name: "secrets.echo" }, (text: string) => text);

describe("an error, however deep one looks into it", () => {
  it("shows no password that the server did not accept", async () => {
    const server = await RedisServer.start(folder.path(createId()), "--requirepass", "right");
    const backend = new RQBackend({ url: `redis://:hunter2@127.0.0.1:${server.port}` });
    onTestFinished(() => backend.close());
    const error: unknown = await backend.counts().catch((reason: unknown) => reason);
    expect(String(error)).toMatch(/WRONGPASS|invalid/);
    expect(inspect(error, { depth: 20, showHidden: true })).not.toMatch(/hunter2/);
  });

  it("shows no arguments of tasks that the server refused", async () => {
    const server = await RedisServer.start(folder.path(createId()));
    const admin = new Redis(server.url);
    onTestFinished(() => admin.disconnect());
    const { backend } = openBackend({ url: server.url });
    onTestFinished(() => backend.close());
    await admin.config("SET", "maxmemory", "1");
    const error: unknown = await echo.enqueue("private").catch((reason: unknown) => reason);
    expect(String(error)).toMatch(/OOM/);
    expect(inspect(error, { depth: 20, showHidden: true })).not.toMatch(/private/);
  });
});
