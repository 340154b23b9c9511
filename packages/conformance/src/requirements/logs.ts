import assert from "node:assert/strict";

import type { Requirement } from "../requirement.ts";

/** Lines a task writes. */
export const logsRequirements: readonly Requirement[] = [
  {
    id: "logs.kept",
    sentence: "Lines of context.log are kept in order, with level, attempt and time.",
    needs: ["logs", "execution"],
    test: async (t) => {
      const result = await t.run(
        t.contextTask(({ log }) => {
          log.info("one", 1, { a: 1 });
          log.warn("two");
          log.error("three");
        }),
      );
      assert.deepEqual(
        result.logs.map(({ level, message, attempt }) => ({ level, message, attempt })),
        [
          { level: "info", message: "one 1 { a: 1 }", attempt: 1 },
          { level: "warn", message: "two", attempt: 1 },
          { level: "error", message: "three", attempt: 1 },
        ],
      );
      for (const { loggedAt } of result.logs) assert.ok(loggedAt instanceof Date);
    },
  },
  {
    id: "logs.on-failure",
    sentence: "Lines of a failed task are kept.",
    needs: ["logs", "execution"],
    test: async (t) => {
      const result = await t.run(
        t.contextTask(({ log }) => {
          log.info("before");
          throw new Error("then");
        }),
      );
      assert.deepEqual(
        result.logs.map(({ message }) => message),
        ["before"],
      );
    },
  },
  {
    id: "logs.all-attempts",
    sentence: "Lines of earlier attempts stay in front of later ones.",
    needs: ["logs", "execution", "retry"],
    test: async (t) => {
      const task = t.contextTask(
        { maxAttempts: 2, backoff: { type: "fixed", delayMs: 0, jitter: 0 } },
        ({ log, attempt }) => {
          log.info(`attempt ${attempt}`);
          if (attempt === 1) throw new Error("again");
        },
      );
      const result = await t.run(task);
      assert.deepEqual(
        result.logs.map(({ message, attempt }) => [message, attempt]),
        [
          ["attempt 1", 1],
          ["attempt 2", 2],
        ],
      );
    },
  },
  {
    id: "logs.hostile",
    sentence: "Lines with U+0000, lone surrogates, newlines or a megabyte of text damage nothing.",
    needs: ["logs", "execution"],
    test: async (t) => {
      const result = await t.run(
        t.contextTask(({ log }) => {
          log.info("nul \u0000 half \uD800 line\nbreak 🎉");
          log.info("x".repeat(1_000_000));
        }),
      );
      assert.equal(result.status, "SUCCESSFUL");
      assert.equal(result.logs.length, 2);
      assert.match(result.logs[0]!.message, /^nul .* half .* line\nbreak 🎉$/);
      assert.ok(result.logs[1]!.message.length < 100_000, "long lines are cut");
    },
  },
];
