import { tmpdir } from "node:os";

import { describe, expect, it } from "vitest";

import { sqliteContenders } from "../contenders/sqlite.ts";
import { drain } from "../harness/drain.ts";
import { Observer, temporaryFile } from "../harness/file.ts";
import { Host } from "../harness/host.ts";

const PATIENCE_MS = 60_000;

describe.concurrent.each(sqliteContenders)("$name", (contender) => {
  it(
    "handles every job exactly once with two processes",
    async () => {
      await using file = await temporaryFile(tmpdir());
      const drained = await drain({
        contender,
        file: file.path,
        processes: 2,
        count: 100,
        warmUp: 10,
      });
      expect(drained.ms).toBeGreaterThan(0);
      expect(drained.cpuUs).toBeGreaterThan(0);
    },
    PATIENCE_MS,
  );

  it(
    "has open jobs from their enqueue until they are made history, and none tomorrow or elsewhere",
    async () => {
      await using file = await temporaryFile(tmpdir());
      await using host = await Host.start(contender, file.path);
      using observer = new Observer(file.path);
      const hasOpenJobs = (): unknown => observer.value(contender.hasOpenJobsSql);
      await host.call("enqueueBulk", { first: 0, count: 5, size: 5, to: "tomorrow" });
      await host.call("enqueueBulk", { first: 5, count: 5, size: 5, to: "other" });
      expect(hasOpenJobs()).toBe(0);
      await host.call("enqueueOneByOne", { first: 10, count: 1 });
      await host.call("enqueueTogether", { first: 11, count: 4, width: 4 });
      expect(hasOpenJobs()).toBe(1);
      observer.exec(contender.finishAllSql);
      expect(hasOpenJobs()).toBe(0);
    },
    PATIENCE_MS,
  );
});
