import { tmpdir } from "node:os";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { stores } from "../contenders/stores.ts";
import { drain } from "../harness/drain.ts";
import { Host } from "../harness/host.ts";
import type { Places } from "../harness/place.ts";

const PATIENCE_MS = 120_000;

describe.each(stores)("on $name", (store) => {
  let places: Places;
  beforeAll(async () => {
    places = await store.open(tmpdir());
  }, PATIENCE_MS);
  afterAll(() => places[Symbol.asyncDispose]());

  describe.concurrent.each(store.contenders)("$name", (contender) => {
    it(
      "handles every job exactly once with two processes",
      async () => {
        await using place = await places.create();
        const drained = await drain({
          store,
          contender,
          places,
          place,
          processes: 2,
          count: 50,
          warmUp: 5,
        });
        expect(drained.ms).toBeGreaterThan(0);
        expect(drained.cpuUs).toBeGreaterThan(0);
        expect(drained.serverCpuUs).toBeGreaterThanOrEqual(0);
      },
      PATIENCE_MS,
    );

    it(
      "has open jobs from their enqueue until they are made history, and none tomorrow or elsewhere",
      async () => {
        await using place = await places.create();
        await using host = await Host.start(store, contender, place);
        const hasOpenJobs = async (): Promise<number> =>
          Number(await place.value(contender.hasOpenJobs));
        await host.call("enqueueBulk", { first: 0, count: 5, size: 5, to: "tomorrow" });
        await host.call("enqueueBulk", { first: 5, count: 5, size: 5, to: "other" });
        expect(await hasOpenJobs()).toBe(0);
        await host.call("enqueueOneByOne", { first: 10, count: 1 });
        await host.call("enqueueTogether", { first: 11, count: 4, width: 4 });
        expect(await hasOpenJobs()).toBe(1);
        await place.exec(contender.finishAll);
        expect(await hasOpenJobs()).toBe(0);
      },
      PATIENCE_MS,
    );
  });
});
