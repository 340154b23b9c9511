import { setImmediate as nextTurn } from "node:timers/promises";

import { expect, it } from "vitest";

import { MemoryStore } from "../../src/backends/memory-store.ts";
import { systemClock } from "../../src/clock.ts";
import { CompletionWriter } from "../../src/worker/completion-writer.ts";
import { Outage } from "../../src/worker/outage.ts";
import type { Completion, CompletionAnswer } from "../../src/worker/worker-store.ts";
import { collectLogs } from "../support/logs.ts";

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

/** Takes its time, counts the calls under way, and refuses one success for good. */
class SlowStore extends MemoryStore {
  readonly batches: number[] = [];
  mostAtOnce = 0;
  #underWay = 0;

  override async complete(completions: readonly Completion[]): Promise<CompletionAnswer[]> {
    this.batches.push(completions.length);
    this.mostAtOnce = Math.max(this.mostAtOnce, ++this.#underWay);
    for (let turn = 0; turn < 5; turn++) await nextTurn();
    this.#underWay--;
    if (completions.some(({ id, outcome }) => id === "bad" && outcome.type !== "failed")) {
      throw new Error("refused");
    }
    return completions.map(() => "recorded");
  }
}

it("writes a second batch beside the first when it is full", async () => {
  const store = new SlowStore(systemClock);
  const writer = new CompletionWriter(store, new Outage("a test"), () => undefined);
  writer.add(completion("alone"));
  await nextTurn();
  for (let index = 0; index < 499; index++) writer.add(completion(String(index)));
  await nextTurn();
  expect(store.batches).toEqual([1]);
  writer.add(completion("full"));
  await writer.flushed();
  expect(store.batches).toEqual([1, 500]);
  expect(store.mostAtOnce).toBe(2);
});

it("finds the one completion among many that the store refuses, and stores a failure instead", async () => {
  using logs = collectLogs();
  const failed: string[] = [];
  let stored = 0;
  const writer = new CompletionWriter(
    new SlowStore(systemClock),
    new Outage("a test"),
    ({ id, outcome }, answer) => {
      if (answer === "recorded") stored++;
      if (outcome.type === "failed") failed.push(id);
    },
  );
  const ids = Array.from({ length: 1500 }, (_, index) => (index === 700 ? "bad" : `${index}`));
  for (const id of ids) writer.add(completion(id));
  await writer.flushed();
  expect(stored).toBe(1500);
  expect(failed).toEqual(["bad"]);
  expect(logs.filter(({ level }) => level === "error")).toHaveLength(1);
}, 30_000);
