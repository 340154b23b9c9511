import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { requirements, type ConformanceReport } from "@tasks/conformance";
import { describe, expect, it, onTestFinished } from "vitest";

const run = promisify(execFile);

async function nodeTest(fixture: string, folder = ""): Promise<{ readonly stdout: string }> {
  const file = fileURLToPath(new URL(`./fixtures/${fixture}.ts`, import.meta.url));
  return run(process.execPath, ["--test", "--test-reporter=tap", file], {
    env: { ...process.env, TASKS_CONFORMANCE_REPORT: folder },
    maxBuffer: 2 ** 26,
  });
}

describe("the suite under node:test", { timeout: 30_000 }, () => {
  it("passes a good backend, skips with reasons and writes the report", async () => {
    const folder = await mkdtemp(path.join(tmpdir(), "conformance-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    const { stdout } = await nodeTest("dummy-backend", folder);
    expect(stdout).toMatch(/ok \d+ - enqueue\.ready: An enqueued task is READY/);
    expect(stdout).toMatch(/# SKIP supports no worker/);
    const text = await readFile(path.join(folder, "dummybackend.json"), "utf8");
    const report = JSON.parse(text) as ConformanceReport;
    expect(report.name).toBe("DummyBackend");
    expect(report.outcomes).toHaveLength(requirements.length);
    expect(report.outcomes.filter(({ status }) => status === "failed")).toEqual([]);
  });

  it("fails a broken one", async () => {
    await expect(nodeTest("broken-backend")).rejects.toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/not ok \d+ - result\.get: getResult gives back/),
    });
  });
});
