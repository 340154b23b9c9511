import assert from "node:assert/strict";

import { DuplicateTask, type TaskResult } from "@tasks/core";

import { createDeferred } from "../internal/deferred.ts";
import type { Requirement } from "../requirement.ts";

const untilFinished = { unique: { scope: "until-finished" } } as const;
const untilStarted = { unique: { scope: "until-started" } } as const;

/** One result per key. */
export const uniqueRequirements: readonly Requirement[] = [
  {
    id: "unique.returns-existing",
    sentence: "A duplicate is given the existing result and stores nothing.",
    needs: ["unique", "queued"],
    test: async (t) => {
      const task = t.task(untilFinished, (n: number) => n);
      const first = await task.enqueue(1);
      const second = await task.enqueue(1);
      assert.equal(second.id, first.id);
      assert.deepEqual([first.deduplicated, second.deduplicated], [false, true]);
      if (!t.supports.list) return;
      assert.equal((await t.backend.list({ taskName: task.name })).results.length, 1);
    },
  },
  {
    id: "unique.rejects",
    sentence:
      'With onConflict "reject" a duplicate is DuplicateTask, which names the existing result.',
    needs: ["unique", "queued"],
    test: async (t) => {
      const unique = { scope: "until-finished", onConflict: "reject" } as const;
      const task = t.task({ unique }, (n: number) => n);
      const { id } = await task.enqueue(1);
      await assert.rejects(async () => task.enqueue(1), {
        name: DuplicateTask.name,
        existingId: id,
      });
    },
  },
  {
    id: "unique.other-arguments",
    sentence: "Without a key function other arguments are another key.",
    needs: ["unique", "queued"],
    test: async (t) => {
      const task = t.task(untilFinished, (_value: unknown) => null);
      const ids = [await task.enqueue(1), await task.enqueue("1"), await task.enqueue([1])];
      assert.equal(new Set(ids.map(({ id }) => id)).size, 3);
    },
  },
  {
    id: "unique.key",
    sentence: "The key function decides what is the same.",
    needs: ["unique", "queued"],
    test: async (t) => {
      const key = (user: { id: number }): string => String(user.id);
      const unique = { scope: "until-finished", key: key as never } as const;
      const task = t.task({ unique }, (_user: object) => null);
      const first = await task.enqueue({ id: 1, name: "Ada" });
      assert.equal((await task.enqueue({ id: 1, name: "Grace" })).id, first.id);
      assert.notEqual((await task.enqueue({ id: 2, name: "Ada" })).id, first.id);
    },
  },
  {
    id: "unique.other-task",
    sentence: "The same key of another task is another key.",
    needs: ["unique", "queued"],
    test: async (t) => {
      const first = await t.task(untilFinished, () => null).enqueue();
      const second = await t.task(untilFinished, () => null).enqueue();
      assert.notEqual(second.id, first.id);
    },
  },
  {
    id: "unique.race-50",
    sentence: "Of fifty enqueues of one key at once one is stored; the others are given it.",
    needs: ["unique", "queued"],
    test: async (t) => {
      const task = t.task(untilFinished, () => null);
      assertOne(await Promise.all(Array.from({ length: 50 }, () => task.enqueue())));
      if (!t.supports.list) return;
      assert.equal((await t.backend.list({ taskName: task.name })).results.length, 1);
    },
  },
  {
    id: "unique.race-50-reject",
    sentence:
      "Of fifty enqueues of one key at once, with rejection, one is stored and 49 are DuplicateTask.",
    needs: ["unique", "queued"],
    test: async (t) => {
      const unique = { scope: "until-finished", onConflict: "reject" } as const;
      const task = t.task({ unique }, () => null);
      const answers = await Promise.allSettled(Array.from({ length: 50 }, () => task.enqueue()));
      const errors = answers.flatMap((answer) =>
        answer.status === "rejected" ? [answer.reason as unknown] : [],
      );
      assert.equal(errors.length, 49);
      assert.ok(
        errors.every((error) => DuplicateTask.is(error)),
        String(errors[0]),
      );
    },
  },
  {
    id: "unique.race-of-two-processes",
    sentence: "A key is unique across processes.",
    needs: ["unique", "queued", "secondHandle"],
    test: async (t) => {
      const elsewhere = await t.open();
      const unique = {
        key: t.name(),
        scope: "until-finished",
        windowMs: 0,
        onConflict: "return-existing",
      } as const;
      const taskName = t.name();
      const enqueued = await Promise.all(
        Array.from({ length: 40 }, (_, n) =>
          (n % 2 === 0 ? t.backend : elsewhere).enqueue(t.request({ taskName, unique })),
        ),
      );
      assert.equal(new Set(enqueued.map(({ record }) => record.id)).size, 1);
      assert.equal(enqueued.filter(({ deduplicated }) => !deduplicated).length, 1);
    },
  },
  {
    id: "unique.until-started-waits",
    sentence: 'With "until-started" the key is taken while the task waits.',
    needs: ["unique", "queued"],
    test: async (t) => {
      const task = t.task(untilStarted, () => null);
      assertOne([await task.enqueue(), await task.enqueue()]);
    },
  },
  {
    id: "unique.until-started-frees",
    sentence: 'With "until-started" the key is free as soon as the first attempt runs.',
    needs: ["unique", "worker"],
    test: async (t) => {
      const second = createDeferred<TaskResult>();
      let runs = 0;
      const task = t.task(untilStarted, async () => {
        runs += 1;
        if (runs === 1) second.resolve(await task.enqueue());
      });
      const first = await task.enqueue();
      await t.drain();
      assert.notEqual((await second.promise).id, first.id);
      assert.equal(runs, 2);
    },
  },
  {
    id: "unique.until-finished-while-running",
    sentence: 'With "until-finished" the key is still taken while the task runs.',
    needs: ["unique", "worker"],
    test: async (t) => {
      const task = t.task(untilFinished, async () => (await task.enqueue()).deduplicated);
      const result = await task.enqueue();
      const started: boolean[] = [];
      await t.drain();
      if (t.supports.getResult) started.push((await result.refresh()).returnValue as boolean);
      assert.deepEqual(started, t.supports.getResult ? [true] : []);
    },
  },
  freedBy("success", () => null),
  freedBy("failure", () => {
    throw new Error("on purpose");
  }),
  {
    id: "unique.freed-by-cancel",
    sentence: "Cancelling a waiting task frees its key.",
    needs: ["unique", "queued", "cancel"],
    test: async (t) => {
      for (const options of [untilFinished, untilStarted]) {
        const task = t.task(options, () => null);
        const first = await task.enqueue();
        await first.cancel();
        const second = await task.enqueue();
        assert.notEqual(second.id, first.id);
        assert.equal(second.deduplicated, false);
      }
    },
  },
  {
    id: "unique.freed-by-delete",
    sentence: "Deleting a waiting task frees its key.",
    needs: ["unique", "queued", "list"],
    test: async (t) => {
      const task = t.task(untilFinished, () => null);
      const first = await task.enqueue();
      await t.backend.delete(first.id);
      const second = await task.enqueue();
      assert.notEqual(second.id, first.id);
    },
  },
  {
    id: "unique.kept-between-attempts",
    sentence: 'With "until-finished" the key stays taken between two attempts.',
    needs: ["unique", "worker", "retry"],
    test: async (t) => {
      const backoff = { type: "fixed", delayMs: 3_600_000, jitter: 0 } as const;
      const task = t.task({ ...untilFinished, maxAttempts: 2, backoff }, () => {
        throw new Error("later");
      });
      const first = await task.enqueue();
      await t.drain();
      assertOne([first, await task.enqueue()]);
    },
  },
  {
    id: "unique.window",
    sentence: "With a window the key stays taken after the end, until the window is over.",
    needs: ["unique", "worker"],
    test: async (t) => {
      const task = t.task({ unique: { scope: { windowMs: 3_600_000 } } }, () => null);
      const first = await task.enqueue();
      await t.drain();
      assertOne([first, await task.enqueue()]);
    },
  },
  {
    id: "unique.window-over",
    sentence: "After its window the key is free, though the task still waits.",
    needs: ["unique", "queued"],
    test: async (t) => {
      const task = t.task({ unique: { scope: { windowMs: 50 } } }, () => null);
      const first = await task.enqueue();
      const overMs = first.enqueuedAt.getTime() + 50 + t.supports.timeResolutionMs;
      await t.untilTime(overMs);
      const second = await task.enqueue();
      assert.notEqual(second.id, first.id);
      assert.equal(second.deduplicated, false);
    },
  },
  {
    id: "unique.no-signal",
    sentence: "A duplicate sends no taskEnqueued.",
    needs: ["unique", "queued"],
    test: async (t) => {
      const task = t.task(untilFinished, () => null);
      for (let n = 0; n < 3; n++) await task.enqueue();
      assert.equal(t.eventsOf(task).filter(({ type }) => type === "enqueued").length, 1);
    },
  },
  {
    id: "unique.existing-as-it-is",
    sentence: "A duplicate sees the existing result as it stands, not as it was asked for.",
    needs: ["unique", "queued", "priority"],
    test: async (t) => {
      const unique = { scope: "until-finished", key: (() => "one") as never } as const;
      const task = t.task({ unique }, (_text: string) => null);
      await task.using({ priority: 5 }).enqueue("first");
      const second = await task.using({ priority: 9 }).enqueue("second");
      assert.deepEqual([second.priority, second.args], [5, ["first"]]);
    },
  },
  {
    id: "unique.hostile-keys",
    sentence: "Keys of any content and length are told apart.",
    needs: ["unique", "queued"],
    test: async (t) => {
      const unique = { scope: "until-finished", key: ((key: string) => key) as never } as const;
      const task = t.task({ unique }, (_key: string) => null);
      const long = "k".repeat(5000);
      const keys = [
        "",
        " ",
        "a",
        "A",
        "ä",
        "ä",
        "a ",
        "'",
        '"',
        "%",
        "_",
        "{}",
        ":",
        "*",
        "\n",
        "__proto__",
        "🎉",
        `${long}1`,
        `${long}2`,
        "null",
        "0",
      ];
      const results = [];
      for (const key of keys) results.push(await task.enqueue(key));
      assert.equal(new Set(results.map(({ id }) => id)).size, keys.length);
      assert.equal((await task.enqueue(`${long}2`)).id, results[18]!.id);
    },
  },
];

function assertOne(results: readonly TaskResult[]): void {
  assert.equal(new Set(results.map(({ id }) => id)).size, 1, "one result for all");
  assert.equal(results.filter(({ deduplicated }) => !deduplicated).length, 1, "stored once");
}

function freedBy(what: string, fn: () => null): Requirement {
  return {
    id: `unique.freed-by-${what}`,
    sentence: `With "until-finished" the key is free after a ${what}.`,
    needs: ["unique", "worker"],
    test: async (t) => {
      const task = t.task(untilFinished, fn);
      const first = await task.enqueue();
      await t.drain();
      const second = await task.enqueue();
      assert.notEqual(second.id, first.id);
      assert.equal(second.deduplicated, false);
    },
  };
}
