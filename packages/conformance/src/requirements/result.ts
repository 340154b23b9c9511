import assert from "node:assert/strict";

import {
  createId,
  TaskDoesNotExist,
  TaskResultDoesNotExist,
  TaskResultMismatch,
  type JsonValue,
  type TaskRecord,
} from "@tasks/core";

import type { Requirement } from "../requirement.ts";

const missing = { name: TaskResultDoesNotExist.name };

/** Reading results back. */
export const resultRequirements: readonly Requirement[] = [
  {
    id: "result.get",
    sentence: "getResult gives back what enqueue gave.",
    needs: ["getResult"],
    upstream: ["109", "115", "150", "242"],
    test: async (t) => {
      const task = t.task((..._args: unknown[]) => null);
      const result = await task.enqueue(1, { two: [3] });
      const read = await task.getResult(result.id);
      assert.notEqual(read, result);
      assert.deepEqual(read.toJSON(), result.toJSON());
      assert.ok(read.equals(result));
    },
  },
  {
    id: "result.get-any-task",
    sentence: "The backend's getResult finds results of any task.",
    needs: ["getResult"],
    test: async (t) => {
      const task = t.task(() => null);
      const { id } = await task.enqueue();
      assert.equal((await t.backend.getResult(id)).taskName, task.name);
    },
  },
  {
    id: "result.answers-are-copies",
    sentence:
      "What an enqueue, a read or a list answered may be changed by the caller, and the stored result stays as it is.",
    needs: ["getResult", "queued"],
    test: async (t) => {
      const request = t.request({ args: [{ list: [1] }], metadata: { a: { b: 1 } } });
      const { record: answered } = await t.backend.enqueue(request);
      const { id } = answered;
      const before = structuredClone(await t.backend.readRecord(id));
      const answers = [answered, (await t.backend.readRecord(id))!];
      if (t.supports.list) answers.push(...(await t.backend.listRecords({})).records);
      const [many] = await t.backend.enqueueMany([t.request({ args: [{ list: [1] }] })]);
      for (const record of [...answers, many!.record]) vandalize(record);
      assert.deepEqual(await t.backend.readRecord(id), before);
      const { args } = (await t.backend.readRecord(many!.record.id))!;
      assert.deepEqual(args, [{ list: [1] }], "of a batch");
    },
  },
  {
    id: "result.requests-are-copied",
    sentence: "What the caller does to its arguments after the enqueue changes no stored result.",
    needs: ["getResult", "queued"],
    test: async (t) => {
      const task = t.task((_list: number[]) => null);
      const list = [1];
      const { id } = await task.enqueue(list);
      const [many] = await task.enqueueMany([[list]]);
      list.push(2);
      for (const stored of [id, many!.id]) {
        assert.deepEqual((await t.backend.getResult(stored)).args, [[1]]);
      }
    },
  },
  {
    id: "result.missing",
    sentence: "An unknown id is TaskResultDoesNotExist, and the message shows the id.",
    needs: ["getResult"],
    upstream: ["40", "113", "154", "120"],
    test: async (t) => {
      const id = createId();
      const expected = { ...missing, message: new RegExp(id) };
      await assert.rejects(async () => t.backend.getResult(id), expected);
      await assert.rejects(async () => t.task(() => null).getResult(id), expected);
    },
  },
  {
    id: "result.malformed-id",
    sentence:
      "An id that cannot be one is TaskResultDoesNotExist, not an error of the store's driver.",
    needs: ["getResult"],
    upstream: ["156"],
    test: async (t) => {
      const ids = [
        "123",
        "",
        " ",
        "__proto__",
        "constructor",
        "'; DROP TABLE tasks;--",
        "%",
        "*",
        "a:b{c}",
        "\0",
        "\ud800",
        "🎉",
        "../../etc/passwd",
        "00000000-0000-0000-0000-000000000000",
        "x".repeat(65),
        "x".repeat(1e4),
        "99999999999999999999",
      ];
      for (const id of ids) {
        await assert.rejects(
          async () => t.backend.getResult(id),
          missing,
          JSON.stringify(id.slice(0, 80)),
        );
      }
    },
  },
  {
    id: "result.mismatch",
    sentence: "A task does not give out another task's result.",
    needs: ["getResult"],
    upstream: ["41"],
    test: async (t) => {
      const other = t.task(() => null);
      const { id } = await other.enqueue();
      await assert.rejects(async () => t.task(() => null).getResult(id), {
        name: TaskResultMismatch.name,
        message: `Task does not match (received '${other.name}')`,
      });
    },
  },
  {
    id: "result.refresh-missing",
    sentence: "Refreshing a deleted result is TaskResultDoesNotExist.",
    needs: ["getResult", "list", "queued"],
    upstream: ["227"],
    test: async (t) => {
      const result = await t.task(() => null).enqueue();
      await t.backend.delete(result.id);
      await assert.rejects(async () => result.refresh(), missing);
    },
  },
  {
    id: "result.handles-are-independent",
    sentence: "Two handles of one result change independently of each other.",
    needs: ["getResult", "queued", "cancel"],
    test: async (t) => {
      const task = t.task(() => null);
      const first = await task.enqueue();
      const second = await task.getResult(first.id);
      await first.cancel();
      await first.refresh();
      assert.equal(first.status, "FAILED");
      assert.equal(second.status, "READY");
    },
  },
  {
    id: "result.task-gone",
    sentence:
      "A result whose task is not registered stays readable; only its task throws TaskDoesNotExist.",
    needs: ["getResult", "queued"],
    upstream: ["158", "159", "248", "R2"],
    test: async (t) => {
      const request = t.request({ args: ["kept"] });
      const { record } = await t.backend.enqueue(request);
      const result = await t.backend.getResult(record.id);
      assert.deepEqual([result.taskName, result.args], [request.taskName, ["kept"]]);
      assert.throws(() => result.task, { name: TaskDoesNotExist.name });
    },
  },
  {
    id: "result.queue-gone",
    sentence: "A result on a queue that is no longer configured stays readable.",
    needs: ["getResult", "queued", "queues"],
    queues: ["default"],
    upstream: ["R3"],
    test: async (t) => {
      const { record } = await t.backend.enqueue(t.request({ queueName: "removed" }));
      const result = await t.backend.getResult(record.id);
      assert.equal(result.queueName, "removed");
      assert.equal(result.status, "READY");
    },
  },
  {
    id: "result.dates",
    sentence: "Times are read back as dates.",
    needs: ["getResult"],
    test: async (t) => {
      const task = t.task(() => null);
      const result = await task.enqueue();
      const read = await task.getResult(result.id);
      assert.ok(read.enqueuedAt instanceof Date);
      assert.equal(read.enqueuedAt.getTime(), result.enqueuedAt.getTime());
      if (!t.offers.has("execution")) return;
      await t.finish(read);
      for (const date of [read.startedAt, read.lastAttemptedAt, read.finishedAt]) {
        assert.ok(date instanceof Date);
      }
    },
  },
  {
    id: "result.json",
    sentence: "toJSON gives plain data that survives JSON.",
    needs: [],
    test: async (t) => {
      const result = await t.task(() => ({ a: [1] })).enqueue();
      if (t.offers.has("execution")) await t.finish(result);
      const json: unknown = result.toJSON();
      assert.deepEqual(JSON.parse(JSON.stringify(json)), json);
    },
  },
  {
    id: "result.concurrent-reads",
    sentence: "One result read fifty times at once is the same fifty times.",
    needs: ["getResult"],
    test: async (t) => {
      const task = t.task((..._args: unknown[]) => null);
      const { id } = await task.enqueue({ a: 1 });
      const read = await Promise.all(Array.from({ length: 50 }, () => task.getResult(id)));
      assert.deepEqual(new Set(read.map((result) => JSON.stringify(result))).size, 1);
    },
  },
];

/** Changes what can be changed; a frozen record is as good as a copy. */
function vandalize(record: TaskRecord): void {
  const attempts = [
    () => (record.args as JsonValue[]).push("changed"),
    () => (record.args[0] as { list: number[] }).list.push(2),
    () => Object.assign(record.metadata, { changed: true }),
    () => (record.errors as unknown[]).push("changed"),
    () => (record.workerIds as unknown[]).push("changed"),
    () => Object.assign(record, { status: "FAILED", priority: 99 }),
  ];
  for (const change of attempts) {
    try {
      change();
    } catch (error) {
      assert.ok(error instanceof TypeError, String(error));
    }
  }
}
