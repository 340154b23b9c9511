import assert from "node:assert/strict";

import { DuplicateTask, type TaskResult } from "@tasks/core";

import { until } from "../internal/deadline.ts";
import { createDeferred } from "../internal/deferred.ts";
import { failed, successful } from "../internal/outcomes.ts";
import { StoreDriver } from "../internal/store-driver.ts";
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
    sentence: "Of fifty enqueues of one key at once one is stored; the other calls return it.",
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
    id: "unique.until-started-claimed",
    sentence:
      'With "until-started" the key is taken until the function is called: a task that is claimed, released or lost before that keeps it.',
    needs: ["unique", "queued", "workerStore"],
    test: async (t) => {
      const driver = await StoreDriver.register(t.backend);
      const other = await StoreDriver.register(t.backend);
      const task = t.task(untilStarted, () => null);
      const { id } = await task.enqueue();
      const first = await driver.claimOne();
      assert.equal(first.holdsKey, true);
      assert.equal((await task.enqueue()).id, id, "claimed");
      await driver.complete(first, { type: "release" });
      assert.equal((await task.enqueue()).id, id, "released");
      const vanished = await StoreDriver.register(t.backend, { leaseMs: 60 });
      await vanished.claimOne();
      await until("The attempt is recovered", async () => {
        await other.store.recoverLost(other.session);
        return (await t.backend.readRecord(id))?.status === "READY";
      });
      assert.equal((await task.enqueue()).id, id, "lost before its start");
      const last = await driver.claimOne();
      await other.store.start?.([other.refOf(last)]);
      assert.equal((await task.enqueue()).id, id, "started by a session that does not hold it");
      await driver.store.start?.([driver.refOf(last)]);
      assert.notEqual((await task.enqueue()).id, id, "started");
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
    id: "unique.kept-by-snooze-and-release",
    sentence: 'With "until-finished" a snooze and a release keep the key taken.',
    needs: ["unique", "workerStore"],
    test: async (t) => {
      const driver = await StoreDriver.register(t.backend);
      const outcomes = [{ type: "release" }, { type: "snooze", delayMs: 3_600_000 }] as const;
      for (const outcome of outcomes) {
        const task = t.task(untilFinished, () => null);
        const first = await task.enqueue();
        await driver.complete(await driver.claimOne(), outcome);
        assertOne([first, await task.enqueue()]);
        await t.backend.cancel(first.id);
      }
    },
  },
  {
    id: "unique.of-another",
    sentence: "The end of a task does not free a key that another one holds by now.",
    needs: ["unique", "workerStore"],
    test: async (t) => {
      const driver = await StoreDriver.register(t.backend);
      const task = t.task(untilStarted, () => null);
      await task.enqueue();
      const first = await driver.claimOne();
      await driver.store.start?.([driver.refOf(first)]);
      const second = await task.enqueue();
      await driver.complete(first, successful(null));
      assertOne([second, await task.enqueue()]);
    },
  },
  {
    id: "unique.retry-takes-no-key",
    sentence: "A task that is retried by hand does not take its key again.",
    needs: ["unique", "workerStore", "retry"],
    test: async (t) => {
      const driver = await StoreDriver.register(t.backend);
      for (const options of [untilFinished, untilStarted]) {
        const task = t.task(options, () => null);
        const first = await task.enqueue();
        await driver.complete(await driver.claimOne(), failed("on purpose"));
        await t.backend.retry(first.id);
        const second = await task.enqueue();
        assert.notEqual(second.id, first.id);
        await driver.claim({ limit: 2 });
      }
    },
  },
  {
    id: "unique.of-another-after-retry",
    sentence: "A task that is retried after another one took its key does not free it at its end.",
    needs: ["unique", "workerStore", "retry"],
    test: async (t) => {
      const driver = await StoreDriver.register(t.backend);
      const task = t.task(untilFinished, () => null);
      const first = await task.enqueue();
      await driver.complete(await driver.claimOne(), failed("on purpose"));
      const second = await task.enqueue();
      await t.backend.retry(first.id);
      const claimed = await driver.claim({ limit: 2 });
      await driver.complete(
        claimed.find(({ id }) => id === first.id)!,
        successful(null),
      );
      assertOne([second, await task.enqueue()]);
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
    id: "unique.window-outlives-prune",
    sentence: "While its window lasts a finished result is not pruned, and its key stays taken.",
    needs: ["unique", "worker", "list"],
    test: async (t) => {
      const task = t.task({ unique: { scope: { windowMs: 3_600_000 } } }, () => null);
      const first = await task.enqueue();
      await t.drain();
      await t.backend.prune({ minAgeMs: 0, failedMinAgeMs: 0 });
      assertOne([first, await task.enqueue()]);
    },
  },
  {
    id: "unique.order-of-properties",
    sentence: "Arguments that are equal have one key, in any order of their properties.",
    needs: ["unique", "queued"],
    test: async (t) => {
      const unique = { scope: "until-finished" } as const;
      const task = t.task({ unique }, (options: object) => options);
      assertOne([
        await task.enqueue({ a: 1, b: { c: 2, d: 3 } }),
        await task.enqueue({ b: { d: 3, c: 2 }, a: 1 }),
      ]);
      const other = await task.enqueue({ a: { c: 2, d: 3 }, b: 1 });
      assert.equal(other.deduplicated, false);
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
    id: "unique.window-over-after-the-end",
    sentence: "A window is over at its time, also when the task was finished before.",
    needs: ["unique", "worker"],
    test: async (t) => {
      const windowMs = 500;
      const task = t.task({ unique: { scope: { windowMs } } }, () => null);
      const first = await task.enqueue();
      await t.drain();
      const overMs = first.enqueuedAt.getTime() + windowMs;
      const second = await task.enqueue();
      // A machine that stalled until the window was over shows the second half only.
      if (second.deduplicated) assert.equal(second.id, first.id);
      else assert.ok(t.backend.now().getTime() >= overMs - t.supports.timeResolutionMs);
      await t.untilTime(t.backend.now().getTime() + windowMs + t.supports.timeResolutionMs);
      assert.equal((await task.enqueue()).deduplicated, false, "free after the window");
    },
  },
  {
    id: "unique.window-of-a-deferred-task",
    sentence: "A window counts from the enqueue, also for a task that is due much later.",
    needs: ["unique", "queued", "defer"],
    test: async (t) => {
      const later = { runAfter: { hours: 1 } };
      const brief = t.task({ unique: { scope: { windowMs: 50 } } }, () => null).using(later);
      const first = await brief.enqueue();
      await t.untilTime(first.enqueuedAt.getTime() + 50 + t.supports.timeResolutionMs);
      assert.equal((await brief.enqueue()).deduplicated, false, "free after the window");
      const long = t.task({ unique: { scope: { windowMs: 1_800_000 } } }, () => null).using(later);
      assertOne([await long.enqueue(), await long.enqueue()]);
    },
  },
  {
    id: "unique.window-after-a-failure",
    sentence: "A failure, a cancellation and a retry leave the key of a window taken.",
    needs: ["unique", "worker", "cancel", "retry"],
    test: async (t) => {
      const unique = { scope: { windowMs: 3_600_000 } } as const;
      const backoff = { type: "fixed", delayMs: 3_600_000, jitter: 0 } as const;
      const fail = (): never => {
        throw new Error("on purpose");
      };
      const failing = t.task({ unique }, fail);
      const retrying = t.task({ unique, maxAttempts: 2, backoff }, fail);
      const cancelled = t.task({ unique }, () => null).using({ priority: 0 });
      const firsts = [await failing.enqueue(), await retrying.enqueue()];
      await t.drain();
      assertOne([firsts[0]!, await failing.enqueue()]);
      assertOne([firsts[1]!, await retrying.enqueue()]);
      const third = await cancelled.enqueue();
      await third.cancel();
      assertOne([third, await cancelled.enqueue()]);
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
