import assert from "node:assert/strict";

import { createDeferred } from "../internal/deferred.ts";
import type { Requirement } from "../requirement.ts";
import type { AnyTask, Scope } from "../scope.ts";

/** Limits per key. */
export const concurrencyRequirements: readonly Requirement[] = [
  {
    id: "concurrency.limit",
    sentence: "At most `limit` attempts of a task run at once in one worker, and that many do.",
    needs: ["concurrency", "worker"],
    test: async (t) => {
      const { task, most, total } = counting(t, 3);
      await task.enqueueMany(Array.from({ length: 12 }, () => ["same"]));
      await t.drain({ concurrency: 10 });
      assert.deepEqual([most("same"), total("same")], [3, 12]);
    },
  },
  {
    id: "concurrency.limit-across-workers",
    sentence: "The limit holds across workers.",
    needs: ["concurrency", "worker", "wait"],
    test: async (t) => {
      const { task, most, total } = counting(t, 2);
      const results = await task.enqueueMany(Array.from({ length: 12 }, () => ["same"]));
      await Promise.all([1, 2, 3].map(() => t.startWorker({ concurrency: 5 })));
      await Promise.all(results.map((result) => t.wait(result)));
      assert.ok(most("same") <= 2, `${most("same")} at once`);
      assert.equal(total("same"), 12);
    },
  },
  {
    id: "concurrency.per-key",
    sentence: "Each key has a limit of its own.",
    needs: ["concurrency", "worker"],
    test: async (t) => {
      const { task, most, total } = counting(t, 1);
      await task.enqueueMany(Array.from({ length: 10 }, (_, n) => [n % 2 === 0 ? "a" : "b"]));
      await t.drain({ concurrency: 10 });
      assert.deepEqual([most("a"), most("b"), total("a"), total("b")], [1, 1, 5, 5]);
      assert.equal(most("*"), 2, "two keys side by side");
    },
  },
  {
    id: "concurrency.one-keeps-order",
    sentence:
      "With a limit of 1 the tasks of a key run one after the other in enqueue order, with any number of workers.",
    needs: ["concurrency", "worker", "wait"],
    test: async (t) => {
      const seen: string[] = [];
      const task = t.task({ concurrency: { limit: 1 } }, async (n: number) => {
        seen.push(`${n} begins`);
        await new Promise(setImmediate);
        seen.push(`${n} ends`);
      });
      const calls = Array.from({ length: 15 }, (_, n) => [n]);
      const results = await task.enqueueMany(calls);
      await Promise.all([1, 2].map(() => t.startWorker({ concurrency: 4 })));
      await Promise.all(results.map((result) => t.wait(result)));
      assert.deepEqual(
        seen,
        calls.flatMap(([n]) => [`${n} begins`, `${n} ends`]),
      );
    },
  },
  {
    id: "concurrency.others-go-on",
    sentence: "Tasks that a limit blocks delay no other task.",
    needs: ["concurrency", "worker", "wait"],
    test: async (t) => {
      const held = await holdSlot(t);
      await held.task.enqueueMany(Array.from({ length: 30 }, () => []));
      const free = await t.task(() => "went by").enqueue();
      await t.wait(free);
      held.letGo();
      assert.equal(free.returnValue, "went by");
    },
  },
  {
    id: "concurrency.blocked",
    sentence: "A task held back by a limit is READY, and blocked for people.",
    needs: ["concurrency", "worker", "getResult"],
    test: async (t) => {
      const held = await holdSlot(t);
      const waiting = await held.task.enqueue();
      await waiting.refresh();
      held.letGo();
      assert.deepEqual([waiting.status, waiting.state], ["READY", "blocked"]);
    },
  },
  {
    id: "concurrency.freed-by-failure",
    sentence: "A failed attempt gives its slot back.",
    needs: ["concurrency", "worker"],
    test: async (t) => {
      let runs = 0;
      const task = t.task({ concurrency: { limit: 1 } }, () => {
        runs += 1;
        throw new Error("on purpose");
      });
      await task.enqueueMany([[], [], []]);
      await t.drain();
      assert.equal(runs, 3);
    },
  },
  {
    id: "concurrency.freed-between-attempts",
    sentence: "A task that waits for its next attempt holds no slot.",
    needs: ["concurrency", "worker", "retry"],
    test: async (t) => {
      const seen: string[] = [];
      const backoff = { type: "fixed", delayMs: 3_600_000, jitter: 0 } as const;
      const task = t.task(
        { concurrency: { limit: 1 }, maxAttempts: 2, backoff },
        (name: string) => {
          seen.push(name);
          if (name === "first") throw new Error("later");
        },
      );
      await task.enqueueMany([["first"], ["second"]]);
      await t.drain();
      assert.deepEqual(seen, ["first", "second"]);
    },
  },
  {
    id: "concurrency.freed-by-delete",
    sentence: "A finished result that is deleted leaves no slot taken.",
    needs: ["concurrency", "worker", "list", "getResult"],
    test: async (t) => {
      const task = t.task({ concurrency: { limit: 1 } }, (n: number) => n);
      const first = await t.run(task, 1);
      await t.backend.delete(first.id);
      assert.equal((await t.run(task, 2)).returnValue, 2);
    },
  },
];

interface Counting {
  readonly task: AnyTask;
  /** Most attempts at once of a key; "*" for all keys. */
  readonly most: (key: string) => number;
  readonly total: (key: string) => number;
}

/** A task with a limit per its argument that counts how many of it run at once. */
function counting(t: Scope, limit: number): Counting {
  const running = new Map<string, number>();
  const most = new Map<string, number>();
  const total = new Map<string, number>();
  const add = (key: string, change: number): void => {
    const now = (running.get(key) ?? 0) + change;
    running.set(key, now);
    most.set(key, Math.max(most.get(key) ?? 0, now));
  };
  const concurrency = { limit, key: ((key: string) => key) as never };
  const task = t.task({ concurrency }, async (key: string) => {
    for (const name of [key, "*"]) add(name, 1);
    total.set(key, (total.get(key) ?? 0) + 1);
    // Long enough for a worker that ignores the limit to start the next one.
    await new Promise((resolve) => setTimeout(resolve, 15));
    for (const name of [key, "*"]) add(name, -1);
  });
  return { task, most: (key) => most.get(key) ?? 0, total: (key) => total.get(key) ?? 0 };
}

/** Starts a worker and a task with a limit of 1 that keeps its slot until told. */
async function holdSlot(t: Scope): Promise<{ readonly task: AnyTask; readonly letGo: () => void }> {
  const started = createDeferred();
  const end = createDeferred();
  const task = t.task({ concurrency: { limit: 1 } }, async () => {
    started.resolve();
    await end.promise;
  });
  await task.enqueue();
  await t.startWorker({ concurrency: 5 });
  await started.promise;
  return { task, letGo: () => end.resolve() };
}
