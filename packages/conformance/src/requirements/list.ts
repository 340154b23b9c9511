import assert from "node:assert/strict";

import { InvalidOption, type ListOptions } from "@tasks/core";

import type { Requirement } from "../requirement.ts";
import type { Scope } from "../scope.ts";

/** Paging through results. */
export const listRequirements: readonly Requirement[] = [
  {
    id: "list.newest-first",
    sentence: "list() gives the newest enqueue first.",
    needs: ["list"],
    test: async (t) => {
      const task = t.task((n: number) => n);
      for (const n of [1, 2, 3]) await task.enqueue(n);
      assert.deepEqual(await listed(t, {}), [3, 2, 1]);
    },
  },
  {
    id: "list.of-nothing",
    sentence: "An empty store lists nothing and has no next page.",
    needs: ["list"],
    test: async (t) => {
      assert.deepEqual(await t.backend.list(), { results: [], nextCursor: null });
    },
  },
  {
    id: "list.results",
    sentence: "A listed result is complete and can be used like any other.",
    needs: ["list", "getResult"],
    test: async (t) => {
      const result = await t.task((n: number) => n).enqueue(7);
      const [found] = (await t.backend.list()).results;
      assert.deepEqual(found!.toJSON(), result.toJSON());
      assert.equal((await found!.refresh()).id, result.id);
    },
  },
  {
    id: "list.pages",
    sentence: "Pages follow each other without a gap or a repeat, and the last has no cursor.",
    needs: ["list"],
    test: async (t) => {
      await t.task((n: number) => n).enqueueMany(Array.from({ length: 7 }, (_, n) => [n]));
      const seen: unknown[] = [];
      let cursor: string | undefined;
      let pages = 0;
      do {
        const page = await t.backend.list({ limit: 3, cursor });
        seen.push(...page.results.map(({ args }) => args[0]));
        cursor = page.nextCursor ?? undefined;
        pages += 1;
      } while (cursor !== undefined && pages < 10);
      assert.deepEqual(seen, [6, 5, 4, 3, 2, 1, 0]);
      assert.equal(pages, 3);
    },
  },
  {
    id: "list.pages-while-enqueueing",
    sentence: "What is enqueued between two pages does not disturb the second page.",
    needs: ["list"],
    test: async (t) => {
      const task = t.task((n: number) => n);
      for (const n of [1, 2, 3, 4]) await task.enqueue(n);
      const first = await t.backend.list({ limit: 2 });
      await task.enqueue(5);
      const second = await t.backend.list({ limit: 2, cursor: first.nextCursor! });
      assert.deepEqual(
        second.results.map(({ args }) => args[0]),
        [2, 1],
      );
    },
  },
  {
    id: "list.page-that-fits",
    sentence: "A page that holds exactly all has no cursor.",
    needs: ["list"],
    test: async (t) => {
      const task = t.task((n: number) => n);
      for (const n of [1, 2]) await task.enqueue(n);
      assert.equal((await t.backend.list({ limit: 2 })).nextCursor, null);
    },
  },
  {
    id: "list.by-task",
    sentence: "list() filters by task, also through pages.",
    needs: ["list"],
    test: async (t) => {
      const task = t.task((n: number) => n);
      const other = t.task((n: number) => n);
      for (const n of [1, 2, 3]) {
        await task.enqueue(n);
        await other.enqueue(-n);
      }
      const first = await t.backend.list({ taskName: task.name, limit: 2 });
      assert.ok(first.nextCursor !== null);
      const rest = await t.backend.list({
        taskName: task.name,
        limit: 2,
        cursor: first.nextCursor,
      });
      const seen = [...first.results, ...rest.results].map(({ args }) => args[0]);
      assert.deepEqual(seen, [3, 2, 1]);
    },
  },
  {
    id: "list.by-queue",
    sentence: "list() filters by queue.",
    needs: ["list", "queues"],
    test: async (t) => {
      const task = t.task((n: number) => n);
      await task.enqueue(1);
      await task.using({ queueName: "emails" }).enqueue(2);
      assert.deepEqual(await listed(t, { queueName: "emails" }), [2]);
      assert.deepEqual(await listed(t, { queueName: "nobody" }), []);
    },
  },
  {
    id: "list.by-status",
    sentence: "list() filters by status.",
    needs: ["list", "queued", "cancel"],
    test: async (t) => {
      const task = t.task((n: number) => n);
      await task.enqueue(1);
      await (await task.enqueue(2)).cancel();
      assert.deepEqual(await listed(t, { status: "READY" }), [1]);
      assert.deepEqual(await listed(t, { status: "FAILED" }), [2]);
      assert.deepEqual(await listed(t, { status: "SUCCESSFUL" }), []);
    },
  },
  {
    id: "list.ready-newest-first",
    sentence:
      "READY results are listed newest first, ready and scheduled ones mixed, through all pages.",
    needs: ["list", "queued", "defer"],
    test: async (t) => {
      const task = t.task((n: number) => n);
      for (const n of [0, 1, 2, 3, 4, 5, 6]) {
        await task.using(n % 2 === 0 ? {} : { runAfter: { hours: 10 - n } }).enqueue(n);
      }
      assert.deepEqual(await listed(t, { status: "READY" }), [6, 5, 4, 3, 2, 1, 0]);
      assert.deepEqual(await paged(t, { status: "READY", limit: 2 }), [6, 5, 4, 3, 2, 1, 0]);
      assert.deepEqual(await paged(t, { state: "scheduled", limit: 2 }), [5, 3, 1]);
      assert.deepEqual(await paged(t, { state: "ready", limit: 3 }), [6, 4, 2, 0]);
    },
  },
  {
    id: "list.filters-on-every-page",
    sentence: "Every page of a list keeps all of its filters.",
    needs: ["list", "queued", "queues", "cancel"],
    test: async (t) => {
      const task = t.task((n: number) => n);
      const other = t.task((n: number) => n);
      for (const n of [1, 2, 3, 4]) {
        await task.using({ queueName: "a" }).enqueue(n);
        await task.using({ queueName: "b" }).enqueue(-1);
        await other.using({ queueName: "a" }).enqueue(-2);
        await (await task.using({ queueName: "a" }).enqueue(-3)).cancel();
      }
      const filters = { status: "READY", queueName: "a", taskName: task.name } as const;
      for (const limit of [1, 2, 3, 4]) {
        assert.deepEqual(await paged(t, { ...filters, limit }), [4, 3, 2, 1], `by ${limit}`);
      }
    },
  },
  {
    id: "list.by-state",
    sentence: "list() filters by the finer state.",
    needs: ["list", "queued", "cancel", "defer"],
    test: async (t) => {
      const task = t.task((n: number) => n);
      await task.enqueue(1);
      await (await task.enqueue(2)).cancel();
      await task.using({ runAfter: { hours: 1 } }).enqueue(3);
      assert.deepEqual(await listed(t, { state: "ready" }), [1]);
      assert.deepEqual(await listed(t, { state: "cancelled" }), [2]);
      assert.deepEqual(await listed(t, { state: "scheduled" }), [3]);
      assert.deepEqual(await listed(t, { state: "failed" }), []);
    },
  },
  {
    id: "list.by-state-of-runs",
    sentence: "list() filters by states that running brings: successful, failed, retrying.",
    needs: ["list", "worker", "retry"],
    test: async (t) => {
      const backoff = { type: "fixed", delayMs: 3_600_000, jitter: 0 } as const;
      const fail = (): never => {
        throw new Error("on purpose");
      };
      await t.task((n: number) => n).enqueue(1);
      await t.task(fail).enqueue(2);
      await t.task({ maxAttempts: 2, backoff }, fail).enqueue(3);
      await t.drain();
      assert.deepEqual(await listed(t, { state: "successful" }), [1]);
      assert.deepEqual(await listed(t, { state: "failed" }), [2]);
      assert.deepEqual(await listed(t, { state: "retrying" }), [3]);
    },
  },
  {
    id: "list.bad-options",
    sentence: "list() refuses bad values and options it does not know.",
    needs: ["list"],
    test: async (t) => {
      for (const bad of [{ limit: 0 }, { limit: 1001 }, { status: "ready" }, { state: "READY" }]) {
        await assert.rejects(async () => t.backend.list(bad as ListOptions), InvalidOption);
      }
      const mistyped = { stat: "ready" } as ListOptions;
      await assert.rejects(async () => t.backend.list(mistyped), InvalidOption);
    },
  },
  {
    id: "list.hostile-filters",
    sentence: "Filters that match no result, of any content, return none and damage nothing.",
    needs: ["list"],
    test: async (t) => {
      await t.task((n: number) => n).enqueue(1);
      for (const text of ["", "'", "%", "_", "*", "\u0000", "__proto__", "x".repeat(10_000)]) {
        assert.deepEqual(
          await listed(t, { taskName: text }),
          [],
          JSON.stringify(text.slice(0, 20)),
        );
        assert.deepEqual(
          await listed(t, { queueName: text }),
          [],
          JSON.stringify(text.slice(0, 20)),
        );
      }
    },
  },
];

/** First arguments of what a filter finds. */
async function listed(t: Scope, options: ListOptions): Promise<readonly unknown[]> {
  const { results } = await t.backend.list(options);
  return results.map(({ args }) => args[0]);
}

/** First arguments of what a filter finds, page by page. */
async function paged(t: Scope, options: ListOptions): Promise<readonly unknown[]> {
  const seen: unknown[] = [];
  let cursor: string | undefined;
  do {
    const page = await t.backend.list({ ...options, cursor });
    assert.ok(page.results.length <= options.limit!, "no page is longer than its limit");
    seen.push(...page.results.map(({ args }) => args[0]));
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined && seen.length < 100);
  return seen;
}
