import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";

import { checkBackend, type BackendDefinition } from "@tasks/conformance";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

type BackendClass = new (
  options: object,
) => Awaited<ReturnType<BackendDefinition["createBackend"]>>;

/** Beside the tests, so that the packages are found from there. */
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(path.join(import.meta.dirname, "page-"));
  const page = await readFile(
    new URL("../../../docs/writing-a-backend.md", import.meta.url),
    "utf8",
  );
  for (const [, file, code] of page.matchAll(/```ts\n\/\/ (src\/\S+)\n(.*?)```/gs)) {
    await mkdir(path.dirname(path.join(folder, file!)), { recursive: true });
    await writeFile(path.join(folder, file!), code!);
  }
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function failuresOf(file: string): Promise<readonly unknown[]> {
  const { MapBackend } = (await import(path.join(folder, file))) as { MapBackend: BackendClass };
  const report = await checkBackend({
    name: file,
    createBackend: ({ queues, leaseMs }) => new MapBackend({ queues, leaseMs }),
    sharesStore: false,
    parallel: 10,
  });
  expect(report.outcomes.filter(({ status }) => status === "passed").length).toBeGreaterThan(100);
  return report.outcomes.filter(({ status }) => status === "failed");
}

describe("the page on writing a backend", { timeout: 60_000 }, () => {
  it("has an enqueue side that keeps the contract", async () => {
    expect(await failuresOf("src/enqueue-side.ts")).toEqual([]);
  });

  it("has a worker that keeps the contract", async () => {
    expect(await failuresOf("src/map-backend.ts")).toEqual([]);
  });
});
