import assert from "node:assert/strict";

import { type JsonValue } from "@tasks/core";

import type { Requirement } from "../requirement.ts";

/** What a task is called with. */
export const argumentsRequirements: readonly Requirement[] = [
  {
    id: "arguments.none",
    sentence: "A call without arguments has the arguments [].",
    needs: [],
    upstream: ["33"],
    test: async (t) => assert.deepEqual((await t.task(() => null).enqueue()).args, []),
  },
  {
    id: "arguments.normalised",
    sentence:
      "Arguments are shown as JSON brings them back: bytes as text, −0 as 0, undefined properties left out.",
    needs: [],
    upstream: ["107", "131", "R4"],
    test: async (t) => {
      const bytes = new TextEncoder().encode("é");
      const task = t.task((..._args: unknown[]) => null);
      const { args } = await task.enqueue(-0, bytes, { a: undefined, b: [null, true, 1.5, "x"] });
      assert.deepEqual(args, [0, "é", { b: [null, true, 1.5, "x"] }]);
    },
  },
  {
    id: "arguments.copied",
    sentence: "What the caller does to its objects after the enqueue changes no result.",
    needs: [],
    upstream: ["R5"],
    test: async (t) => {
      const given = { list: [1] };
      const task = t.task((_value: JsonValue) => null);
      const result = await task.enqueue(given);
      given.list.push(2);
      assert.deepEqual(result.args, [{ list: [1] }]);
      if (t.supports.getResult) {
        assert.deepEqual((await task.getResult(result.id)).args, [{ list: [1] }]);
      }
    },
  },
  {
    id: "arguments.not-json",
    sentence:
      "An argument that JSON cannot bring back is a TypeError that names its path, and stores nothing.",
    needs: [],
    upstream: ["35", "132", "133"],
    test: async (t) => {
      const task = t.task((..._args: unknown[]) => null);
      const cyclic: unknown[] = [];
      cyclic.push(cyclic);
      const hostile = [
        new Date(0),
        new Map(),
        new Set(),
        1n,
        () => 1,
        Symbol("s"),
        Number.NaN,
        Infinity,
        [undefined],
        cyclic,
        "a\u0000b",
        "\uD800",
        new (class Custom {})(),
        new Uint8Array([0xff]),
      ];
      for (const value of hostile) {
        await t.assertRefused(task, () => task.enqueue("first", { user: [value] }), {
          name: "TypeError",
          message: /args\[1\]\.user\[0\]/,
        });
      }
    },
  },
  {
    id: "arguments.as-shown",
    sentence: "The task receives exactly the arguments that its result shows.",
    needs: ["execution"],
    upstream: ["R4"],
    test: async (t) => {
      let received: unknown;
      const task = t.task((...args: unknown[]) => void (received = args));
      const result = await t.run(task, { a: undefined, b: -0 }, new TextEncoder().encode("x"));
      assert.deepEqual(received, result.args);
      assert.deepEqual(received, [{ b: 0 }, "x"]);
    },
  },
  {
    id: "arguments.fresh",
    sentence:
      "A task that changes its argument changes neither the caller's object nor the result's.",
    needs: ["execution"],
    upstream: ["R5"],
    test: async (t) => {
      const given = { list: [1] };
      const result = await t.run(
        t.task((value: { list: number[] }) => void value.list.push(2)),
        given,
      );
      assert.deepEqual(given, { list: [1] });
      assert.deepEqual(result.args, [{ list: [1] }]);
    },
  },
  {
    id: "arguments.fresh-on-retry",
    sentence: "The next attempt receives the arguments as they were enqueued.",
    needs: ["execution", "retry"],
    upstream: ["R5"],
    test: async (t) => {
      const seen: number[] = [];
      const task = t.task(
        { maxAttempts: 2, backoff: { type: "fixed", delayMs: 0, jitter: 0 } },
        (list: number[]) => {
          seen.push(list.length);
          list.push(0);
          if (seen.length === 1) throw new Error("again");
        },
      );
      await t.run(task, [1]);
      assert.deepEqual(seen, [1, 1]);
    },
  },
];
