import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { describe, expect, inject, it, onTestFinished } from "vitest";

const CHILD = fileURLToPath(new URL("support/alias-process.ts", import.meta.url));

async function run(...args: string[]): Promise<unknown> {
  const env = { ...process.env, NODE_NO_WARNINGS: "1" };
  const { stdout } = await promisify(execFile)(process.execPath, [CHILD, ...args], { env });
  return JSON.parse(stdout);
}

describe("backends have the same namespace in every process", () => {
  it.each([
    ["nothing", "all"],
    ["checkTasks", "nothing"],
    ["target", "reports"],
  ])(
    "where one asks for %s first and the other for %s",
    { timeout: 120_000 },
    async (enqueuer, worker) => {
      const folder = await mkdtemp(join(tmpdir(), "tasks-alias-"));
      onTestFinished(() => rm(folder, { recursive: true }));
      const place = [folder, inject("serviceUrls").redis!, `alias-${randomUUID()}`];
      const enqueued = await run("enqueue", enqueuer, ...place);
      await run("work", worker, ...place);
      expect(await run("read", "nothing", ...place, JSON.stringify(enqueued))).toEqual([
        ["default", "SUCCESSFUL"],
        ["reports", "SUCCESSFUL"],
        ["target", "SUCCESSFUL"],
        ["through", "SUCCESSFUL"],
        ["default", "SUCCESSFUL"],
        ["through", "SUCCESSFUL"],
      ]);
    },
  );
});
