import { setImmediate as nextTurn } from "node:timers/promises";

import { expect, it } from "vitest";

import { MemoryStore } from "../../src/backends/memory-store.ts";
import { systemClock } from "../../src/clock.ts";
import { BackendUnavailable } from "../../src/errors.ts";
import { CompletionWriter } from "../../src/worker/completion-writer.ts";
import { Outage } from "../../src/worker/outage.ts";
import type { Completion, CompletionAnswer } from "../../src/worker/worker-store.ts";
import { collectLogs } from "../support/logs.ts";

function completion(id: string): Completion {
  const outcome = { type: "release" } as const;
  return { id, fence: 1, sessionId: "session", outcome, changes: null, cancelled: false };
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

function success(id: string, length: number): Completion {
  const returnValue = "x".repeat(length);
  const outcome = {
    type: "successful",
    returnValue,
    returnValueJson: JSON.stringify(returnValue),
  } as const;
  return { ...completion(id), outcome };
}

/** Cuts the connection when it is sent a success of a task that is named "bad", as a server does that is sent too much. */
class CuttingStore extends MemoryStore {
  readonly batches: (readonly Completion[])[] = [];
  isAway = false;

  override async complete(completions: readonly Completion[]): Promise<CompletionAnswer[]> {
    this.batches.push(completions);
    await nextTurn();
    const cuts = completions.some(
      ({ id, outcome }) => id.startsWith("bad") && outcome.type === "successful",
    );
    if (this.isAway || cuts) throw new BackendUnavailable("The connection was closed.");
    return completions.map(() => "recorded");
  }
}

it("bounds batches by what they hold", async () => {
  const store = new CuttingStore(systemClock);
  const writer = new CompletionWriter(store, new Outage("a test"), () => undefined);
  for (const id of ["a", "b", "c"]) writer.add(success(id, 2_000_000));
  writer.add(success("large", 10_000_000));
  for (const id of ["d", "e"]) writer.add(success(id, 1));
  await writer.flushed();
  const ids = store.batches.map((batch) => batch.map(({ id }) => id));
  expect(ids).toEqual([["a", "b"], ["c"], ["large"], ["d", "e"]]);
});

it("fails a large completion by which the store seems to be away, and holds up no other for it", async () => {
  using _logs = collectLogs();
  const store = new CuttingStore(systemClock);
  const ends: [string, string, CompletionAnswer | undefined][] = [];
  const outage = new Outage("a test");
  const writer = new CompletionWriter(store, outage, ({ id, outcome }, answer) => {
    ends.push([id, outcome.type, answer]);
  });
  // Other calls of the worker are answered.
  const others = setInterval(() => outage.over(), 5);
  for (let index = 0; index < 20; index++) {
    writer.add(index === 7 ? success("bad", 1_000_000) : success(String(index), 10));
  }
  await writer.flushed();
  clearInterval(others);
  expect(ends).toHaveLength(20);
  expect(ends.at(-1)).toEqual(["bad", "failed", "recorded"]);
  expect(ends.filter(([, type]) => type === "successful")).toHaveLength(19);
}, 30_000);

it("blames no completion for an outage, and none that is small", async () => {
  using _logs = collectLogs();
  const store = new CuttingStore(systemClock);
  store.isAway = true;
  const types: string[] = [];
  const outage = new Outage("a test");
  const writer = new CompletionWriter(store, outage, ({ outcome }) => types.push(outcome.type));
  for (let index = 0; index < 4; index++) writer.add(success(String(index), 1_000_000));
  await expect.poll(() => store.batches.length, { timeout: 20_000 }).toBe(10);
  store.isAway = false;
  await writer.flushed();
  expect(types).toEqual(["successful", "successful", "successful", "successful"]);
  writer.add(success("bad small", 10));
  const others = setInterval(() => outage.over(), 5);
  await expect.poll(() => store.batches.length, { timeout: 20_000 }).toBeGreaterThan(22);
  writer.giveUp();
  clearInterval(others);
  expect(types).toHaveLength(4);
}, 60_000);
