import assert from "node:assert/strict";

import { InvalidTask, PayloadTooLarge } from "@tasks/core";

import type { Requirement } from "../requirement.ts";

/** JSON carried with a task. */
export const metadataRequirements: readonly Requirement[] = [
  {
    id: "metadata.kept",
    sentence: "Metadata is read back as it was given, normalised as arguments are.",
    needs: ["metadata", "getResult"],
    upstream: ["61", "66", "80"],
    test: async (t) => {
      const task = t
        .task(() => null)
        .using({ metadata: { trace: "00-ab", deep: { n: [1, -0] }, none: undefined } });
      const { id } = await task.enqueue();
      assert.deepEqual((await task.getResult(id)).metadata, {
        trace: "00-ab",
        deep: { n: [1, 0] },
      });
    },
  },
  {
    id: "metadata.default",
    sentence: "Without metadata the result has {}.",
    needs: ["metadata"],
    upstream: ["84"],
    test: async (t) => assert.deepEqual((await t.task(() => null).enqueue()).metadata, {}),
  },
  {
    id: "metadata.of-the-definition",
    sentence: "Metadata of the definition travels too; using() replaces it, and {} clears it.",
    needs: ["metadata"],
    upstream: ["61"],
    test: async (t) => {
      const task = t.task({ metadata: { a: 1 } }, () => null);
      const metadata = async (used: typeof task): Promise<unknown> =>
        (await used.enqueue()).metadata;
      assert.deepEqual(await metadata(task), { a: 1 });
      assert.deepEqual(await metadata(task.using({ metadata: { b: 2 } }).using({})), { b: 2 });
      assert.deepEqual(await metadata(task.using({ metadata: {} })), {});
    },
  },
  {
    id: "metadata.refused",
    sentence: "Metadata that is no object, or not JSON, is refused and nothing is stored.",
    needs: ["metadata"],
    upstream: ["64"],
    test: async (t) => {
      const task = t.task(() => null);
      for (const metadata of [[], "text", 1, { at: new Date() }, { n: 1n }]) {
        await t.assertRefused(
          task,
          async () => task.using({ metadata: metadata as object }).enqueue(),
          { name: InvalidTask.name, message: /metadata must be/ },
        );
      }
    },
  },
  {
    id: "metadata.too-large",
    sentence: "Metadata above maxPayloadBytes is refused and nothing is stored.",
    needs: ["metadata"],
    test: async (t) => {
      const task = t.task(() => null);
      const metadata = { text: "x".repeat(t.supports.maxPayloadBytes) };
      await t.assertRefused(task, async () => task.using({ metadata }).enqueue(), {
        name: PayloadTooLarge.name,
        message: /metadata/,
      });
    },
  },
  {
    id: "metadata.in-context",
    sentence: "The running task reads its metadata from the context.",
    needs: ["metadata", "execution"],
    upstream: ["66"],
    test: async (t) => {
      const task = t.contextTask(({ metadata }) => ({ ...metadata }));
      const result = await t.run(task.using({ metadata: { trace: "00-ab" } }));
      assert.deepEqual(result.returnValue, { trace: "00-ab" });
    },
  },
  {
    id: "metadata.result-is-a-copy",
    sentence: "What a caller does to its own object changes no stored metadata.",
    needs: ["metadata", "getResult"],
    upstream: ["68"],
    test: async (t) => {
      const metadata = { list: [1] };
      const task = t.task(() => null).using({ metadata });
      const result = await task.enqueue();
      metadata.list.push(2);
      assert.deepEqual(result.metadata, { list: [1] });
      assert.deepEqual((await task.getResult(result.id)).metadata, { list: [1] });
    },
  },
  {
    id: "metadata.changed-by-success",
    sentence: "What a task changes in its metadata is stored when it succeeds.",
    needs: ["metadata", "execution"],
    test: async (t) => {
      const task = t.contextTask(({ metadata }) => void (metadata.b = 2));
      const result = await t.run(task.using({ metadata: { a: 1 } }));
      assert.deepEqual(result.metadata, { a: 1, b: 2 });
    },
  },
  {
    id: "metadata.changed-by-failure",
    sentence: "What a task changes in its metadata is stored when it fails.",
    needs: ["metadata", "execution"],
    upstream: ["71"],
    test: async (t) => {
      const task = t.contextTask(({ metadata }) => {
        metadata.b = 2;
        throw new Error("after the change");
      });
      const result = await t.run(task.using({ metadata: { a: 1 } }));
      assert.deepEqual([result.status, result.metadata], ["FAILED", { a: 1, b: 2 }]);
    },
  },
  {
    id: "metadata.changed-to-what-is-not-json",
    sentence: "Metadata changed to what is not JSON fails the task, and the stored metadata stays.",
    needs: ["metadata", "execution"],
    upstream: ["74"],
    test: async (t) => {
      const task = t.contextTask(({ metadata }) => void (metadata.at = new Date() as never));
      const result = await t.run(task.using({ metadata: { a: 1 } }));
      assert.deepEqual([result.status, result.metadata], ["FAILED", { a: 1 }]);
      assert.equal(result.errors[0]!.exceptionClass, "TypeError");
    },
  },
  {
    id: "metadata.saved-while-running",
    sentence: "saveMetadata() stores changed metadata while the task runs.",
    needs: ["metadata", "worker", "getResult"],
    upstream: ["75", "78"],
    test: async (t) => {
      const task = t.contextTask(async (context) => {
        context.metadata.step = 1;
        const before = context.metadataModified;
        await context.saveMetadata();
        const stored = await t.backend.getResult(context.taskResult.id);
        return [before, context.metadataModified, stored.metadata];
      });
      const result = await t.run(task);
      assert.deepEqual(result.returnValue, [true, false, { step: 1 }]);
    },
  },
  {
    id: "metadata.unmodified",
    sentence: "Metadata that was only read is not modified, and stays.",
    needs: ["metadata", "execution"],
    upstream: ["73"],
    test: async (t) => {
      const task = t.contextTask((context) => [
        context.metadata.a ?? null,
        context.metadataModified,
      ]);
      const result = await t.run(task.using({ metadata: { a: 1 } }));
      assert.deepEqual([result.returnValue, result.metadata], [[1, false], { a: 1 }]);
    },
  },
  {
    id: "metadata.next-attempt",
    sentence: "The next attempt finds the metadata the last one left.",
    needs: ["metadata", "execution", "retry"],
    test: async (t) => {
      const task = t.contextTask(
        { maxAttempts: 2, backoff: { type: "fixed", delayMs: 0, jitter: 0 } },
        ({ metadata, attempt }) => {
          if (attempt > 1) return metadata.found ?? null;
          metadata.found = "in the first";
          throw new Error("again");
        },
      );
      assert.equal((await t.run(task)).returnValue, "in the first");
    },
  },
];
