import { setImmediate as nextTurn } from "node:timers/promises";

import { expect, it } from "vitest";

import { MemoryStore } from "../../src/backends/memory-store.ts";
import { systemClock } from "../../src/clock.ts";
import { CompletionWriter } from "../../src/worker/completion-writer.ts";
import { Outage } from "../../src/worker/outage.ts";
import type { Completion } from "../../src/worker/worker-store.ts";

function completion(id: string): Completion {
  return { id, fence: 1, outcome: { type: "release" }, changes: null, cancelled: false };
}

it.each([0, 1, 2, 3, 4, 5])(
  "writes a completion that is added %i microtasks after the last one was answered",
  async (microtasks) => {
    const answered: string[] = [];
    const writer = new CompletionWriter(
      new MemoryStore(systemClock),
      new Outage("a test"),
      async ({ id }) => {
        answered.push(id);
        if (id !== "first") return;
        for (let count = 0; count < microtasks; count++) await Promise.resolve();
        writer.add(completion("second"));
      },
    );
    writer.add(completion("first"));
    for (let turn = 0; turn < 4; turn++) await nextTurn();
    expect(answered).toEqual(["first", "second"]);
  },
);

it("counts as flushed only when everything was answered", async () => {
  const answered: string[] = [];
  const writer = new CompletionWriter(new MemoryStore(systemClock), new Outage("a test"), (one) => {
    answered.push(one.id);
  });
  for (const id of ["a", "b", "c"]) writer.add(completion(id));
  expect(writer.size).toBe(3);
  await writer.flushed();
  expect(answered).toEqual(["a", "b", "c"]);
  expect(writer.size).toBe(0);
});
