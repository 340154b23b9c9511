import assert from "node:assert/strict";

import { InvalidTask, NotSupported, type TaskOptions, type UsingOptions } from "@tasks/core";

import type { Requirement } from "../requirement.ts";
import type { Scope } from "../scope.ts";

/** Abilities that are not declared are refused by name, before anything is stored. */
export const undeclaredRequirements: readonly Requirement[] = [
  refusesChange("defer", { runAfter: { minutes: 1 } }, /Backend does not support runAfter\./, [
    "96",
  ]),
  refusesChange(
    "priority",
    { priority: 10 },
    /Backend does not support setting priority of tasks\./,
    ["27"],
  ),
  refusesChange("metadata", { metadata: { a: 1 } }, /Backend does not support metadata\./, [
    "65",
    "83",
  ]),
  refusesChange("transaction", { transaction: {} }, /Backend does not support .*transaction/),
  refusesOption("retry", { maxAttempts: 2 }, /Backend does not support retry/),
  refusesOption("timeout", { timeoutMs: 1000 }, /Backend does not support timeout/),
  refusesOption(
    "unique",
    { unique: { scope: "until-finished" } },
    /Backend does not support unique/,
  ),
  refusesOption(
    "concurrency",
    { concurrency: { limit: 1 } },
    /Backend does not support concurrency/,
  ),
  {
    id: "undeclared.priority-zero",
    sentence: "Priority 0 is accepted by backends without priorities.",
    needs: [],
    lacks: "priority",
    upstream: ["27"],
    test: async (t) => {
      const result = await t
        .task(() => null)
        .using({ priority: 0 })
        .enqueue();
      assert.equal(result.priority, 0);
    },
  },
  {
    id: "undeclared.metadata-empty",
    sentence: "Empty metadata is accepted by backends without metadata.",
    needs: [],
    lacks: "metadata",
    upstream: ["65"],
    test: async (t) => {
      const result = await t
        .task(() => null)
        .using({ metadata: {} })
        .enqueue();
      assert.deepEqual(result.metadata, {});
    },
  },
  {
    id: "undeclared.async-task",
    sentence: "Without asyncTask an async function is refused.",
    needs: [],
    lacks: "asyncTask",
    upstream: ["29", "118"],
    test: async (t) => {
      const { task } = await import("@tasks/core");
      const asyncTask = task({ name: t.name() }, async () => null);
      await t.assertRefused(asyncTask, () => asyncTask.enqueue(), {
        name: "InvalidTask",
        message: /Backend does not support async Tasks/,
      });
    },
  },
  {
    id: "undeclared.batch",
    sentence: "Without batches enqueueMany stores one by one, in order.",
    needs: [],
    lacks: "batch",
    test: async (t) => {
      const results = await t.task((n: number) => n).enqueueMany([[1], [2], [3]]);
      assert.deepEqual(
        results.map(({ args }) => args),
        [[1], [2], [3]],
      );
    },
  },
  {
    id: "undeclared.get-result",
    sentence: "Without getResult reading or refreshing a result is refused in upstream's words.",
    needs: [],
    lacks: "getResult",
    upstream: ["94", "95", "98"],
    test: async (t) => {
      const result = await t.task(() => null).enqueue();
      const refused = {
        name: NotSupported.name,
        message: /This backend does not support retrieving or refreshing results\./,
      };
      await assert.rejects(async () => t.backend.getResult(result.id), refused);
      await assert.rejects(async () => t.backend.getResult("123"), refused);
      await assert.rejects(async () => result.refresh(), refused);
    },
  },
  refusesMethod("cancel", /cancel/i, (t) => t.backend.cancel("0")),
  refusesMethod("wait", /wait/i, async (t) => {
    const result = await t.task(() => null).enqueue();
    // A result that is finished needs no waiting, whatever the backend.
    if (result.isFinished) throw new NotSupported("waiting");
    await result.wait({ timeoutMs: 10 });
  }),
  refusesMethod("retry", /retry/i, (t) => t.backend.retry("0")),
  refusesMethod("pause", /paus/i, async (t) => {
    await assert.rejects(async () => t.backend.resume("default"), { name: NotSupported.name });
    await t.backend.pause("default");
  }),
  refusesMethod("worker", /worker/i, async (t) => {
    await assert.rejects(async () => t.backend.runTask("0"), { name: NotSupported.name });
    await t.backend.createWorker();
  }),
  refusesMethod("list", /list/i, async (t) => {
    const { backend } = t;
    const calls = [
      () => backend.counts(),
      () => backend.queues(),
      () => backend.workers(),
      () => backend.delete("0"),
      () => backend.prune(),
    ];
    for (const call of calls) await assert.rejects(async () => call(), { name: NotSupported.name });
    await backend.list();
  }),
  {
    id: "undeclared.progress",
    sentence: "Without progress, setProgress is refused by name inside the task.",
    needs: ["execution"],
    lacks: "progress",
    test: async (t) => {
      const result = await t.run(t.contextTask(async (context) => context.setProgress(1)));
      assert.equal(result.status, "FAILED");
      assert.match(result.errors[0]!.message, /progress/i);
    },
  },
  {
    id: "undeclared.logs",
    sentence: "Without logs the lines of a task are not kept, and the task succeeds.",
    needs: ["execution"],
    lacks: "logs",
    test: async (t) => {
      const result = await t.run(t.contextTask((context) => context.log.info("hello")));
      assert.equal(result.status, "SUCCESSFUL");
      assert.deepEqual(result.logs, []);
    },
  },
];

type Lacking = NonNullable<Requirement["lacks"]>;

function refusesChange(
  ability: Lacking,
  changes: UsingOptions,
  message: RegExp,
  upstream: readonly string[] = [],
): Requirement {
  return {
    id: `undeclared.${ability}`,
    sentence: `Without ${ability}, using(${Object.keys(changes)[0]}) is refused before anything is stored.`,
    needs: [],
    lacks: ability,
    upstream,
    test: async (t) => {
      const task = t.task(() => null);
      const changed = task.using(changes);
      await t.assertRefused(task, () => changed.enqueue(), { name: InvalidTask.name, message });
      await t.assertRefused(task, () => changed.enqueueMany([[], []]), {
        name: InvalidTask.name,
        message,
      });
    },
  };
}

function refusesOption(ability: Lacking, options: TaskOptions, message: RegExp): Requirement {
  return {
    id: `undeclared.${ability}`,
    sentence: `Without ${ability}, a task with ${Object.keys(options)[0]} is refused before anything is stored.`,
    needs: [],
    lacks: ability,
    test: async (t) => {
      const task = t.task(options, () => null);
      await t.assertRefused(task, () => task.enqueue(), { name: InvalidTask.name, message });
    },
  };
}

function refusesMethod(
  ability: Lacking,
  message: RegExp,
  call: (t: Scope) => Promise<unknown>,
): Requirement {
  return {
    id: `undeclared.${ability}-methods`,
    sentence: `Without ${ability}, its methods answer NotSupported.`,
    needs: [],
    lacks: ability,
    test: async (t) => {
      await assert.rejects(async () => call(t), { name: NotSupported.name, message });
    },
  };
}
