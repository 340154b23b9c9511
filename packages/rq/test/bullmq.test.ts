import { SnoozeTask, task, TaskResultDoesNotExist, taskLog } from "@tasks/core";
import { QueueEvents, type Queue } from "bullmq";
import { describe, expect, it, onTestFinished } from "vitest";

import { openBackend } from "./support/open.ts";
import { createClient, redisUrl } from "./support/redis.ts";

taskLog.connect(() => undefined);

const client = createClient();
const add = task({ name: "bullmq.add" }, (a: number, b: number) => a + b);
const fail = task({ name: "bullmq.fail" }, (): null => {
  throw new TypeError("on purpose");
});
const advance = task({ name: "bullmq.advance", takesContext: true }, async (context) => {
  await context.setProgress({ done: 3 });
  context.log.info("three are done");
  context.log.warn("slow");
});
const snooze = task({ name: "bullmq.snooze" }, (): null => {
  throw new SnoozeTask({ delayMs: 3_600_000 });
});
const heed = task({ name: "bullmq.heed", takesContext: true }, async ({ signal }) => {
  await new Promise<void>((resolve) => {
    signal.addEventListener("abort", () => resolve());
  });
  ended.push((signal.reason as Error).name);
});
const ended: string[] = [];
let isHealed = false;
const heal = task({ name: "bullmq.heal", maxAttempts: 1 }, (): string => {
  if (!isHealed) throw new Error("not yet");
  return "healed";
});

async function open(): Promise<{
  readonly backend: ReturnType<typeof openBackend>["backend"];
  readonly queue: Queue;
  readonly drain: () => Promise<void>;
}> {
  const { backend } = openBackend();
  const queue = await backend.bullQueue("default");
  onTestFinished(async () => {
    await queue.close();
    await backend.close();
  });
  const drain = async (): Promise<void> => {
    await (await backend.createWorker({ batch: true })).run();
  };
  return { backend, queue, drain };
}

describe("BullMQ's own queue", () => {
  it("pauses with us, and we with it", async () => {
    const { backend, queue, drain } = await open();
    await backend.pause("default");
    expect(await queue.isPaused()).toBe(true);
    await queue.resume();
    expect((await backend.queues())[0]).toMatchObject({ name: "default", paused: false });
    await queue.pause();
    const waiting = await add.enqueue(1, 2);
    await drain();
    await waiting.refresh();
    expect([waiting.status, waiting.state]).toEqual(["READY", "blocked"]);
    await backend.resume("default");
    await drain();
    expect((await waiting.refresh()).returnValue).toBe(3);
    expect(await queue.isPaused()).toBe(false);
  });

  it("counts our tasks where BullMQ would have them, at every step of their lives", async () => {
    const { backend, queue, drain } = await open();
    const ready = await add.enqueue(1, 2);
    const scheduled = await add.using({ runAfter: { hours: 1 } }).enqueue(3, 4);
    const failed = await fail.enqueue();
    const states = (): Promise<string[]> =>
      Promise.all([ready, scheduled, failed].map(({ id }) => queue.getJobState(id)));
    expect(await states()).toEqual(["prioritized", "delayed", "prioritized"]);
    const running: string[] = [];
    const look = task({ name: "bullmq.look", takesContext: true }, async ({ taskResult }) => {
      running.push(await queue.getJobState(taskResult.id));
    });
    await look.enqueue();
    await drain();
    expect(running).toEqual(["active"]);
    expect(await states()).toEqual(["completed", "delayed", "failed"]);
    expect(await queue.getJobCounts()).toMatchObject({
      active: 0,
      completed: 2,
      delayed: 1,
      failed: 1,
      prioritized: 0,
      waiting: 0,
    });
    await backend.retry(failed.id);
    expect(await queue.getJobState(failed.id)).toBe("prioritized");
    await backend.cancel(scheduled.id);
    expect(await queue.getJobState(scheduled.id)).toBe("failed");
  });

  it("shows names, arguments, outcomes, errors, progress and times", async () => {
    const { queue, drain } = await open();
    const { id, enqueuedAt } = await add.using({ priority: 90 }).enqueue(1, 2);
    const failed = await fail.enqueue();
    const advanced = await advance.enqueue();
    expect(await queue.getJob(id)).toMatchObject({
      name: "bullmq.add",
      data: [1, 2],
      priority: 11,
      opts: { priority: 11 },
      timestamp: enqueuedAt.getTime(),
    });
    await drain();
    expect(await queue.getJob(id)).toMatchObject({
      returnvalue: 3,
      attemptsMade: 1,
      processedOn: expect.any(Number) as number,
      finishedOn: expect.any(Number) as number,
    });
    expect(await queue.getJob(failed.id)).toMatchObject({
      failedReason: "on purpose",
      stacktrace: [expect.stringMatching(/^TypeError: on purpose\n {4}at /) as string],
    });
    expect(await queue.getJob(advanced.id)).toMatchObject({ progress: { done: 3 } });
    const { logs } = await queue.getJobLogs(advanced.id);
    expect(logs).toEqual([
      expect.stringMatching(/^\d{4}-.*Z #1 info: three are done$/) as string,
      expect.stringMatching(/Z #1 warn: slow$/) as string,
    ]);
  });

  it("shows for how long a task is put off, from its enqueue", async () => {
    const { queue, drain } = await open();
    const hour = 3_600_000;
    const scheduled = await add.using({ priority: 5, runAfter: { hours: 1 } }).enqueue(1, 2);
    const snoozed = await snooze.enqueue();
    await drain();
    expect(await queue.getJob(scheduled.id)).toMatchObject({
      delay: hour,
      opts: { delay: hour, priority: 96 },
    });
    const { delay } = (await queue.getJob(snoozed.id))!;
    expect(delay).toBeGreaterThanOrEqual(hour);
    expect(delay).toBeLessThan(hour + 10_000);
  });

  it("lists ready tasks in the order in which they will run", async () => {
    const { queue } = await open();
    const ids = [];
    for (const priority of [-100, 0, 100, 0]) {
      ids.push((await add.using({ priority }).enqueue(1, 1)).id);
    }
    const jobs = await queue.getPrioritized();
    expect(jobs.map((job) => job.id)).toEqual([ids[2], ids[1], ids[3], ids[0]]);
  });

  it("may remove a task, and nothing is left of it", async () => {
    const { backend, queue, drain } = await open();
    const gone = await add.enqueue(1, 2);
    const kept = await add.enqueue(3, 4);
    await (await queue.getJob(gone.id))!.remove();
    await expect(backend.getResult(gone.id)).rejects.toThrow(TaskResultDoesNotExist);
    await drain();
    const { results } = await backend.list();
    expect(results.map(({ id }) => id)).toEqual([kept.id]);
    expect((await backend.getResult(kept.id)).returnValue).toBe(7);
  });
});

describe("BullMQ's QueueEvents", () => {
  it("hear with the option `events` what happens to tasks", async () => {
    const { backend, prefix } = openBackend({ events: true });
    const queue = await backend.bullQueue("default");
    const { hostname, port } = new URL(redisUrl());
    const connection = { host: hostname, port: Number(port) };
    const events = new QueueEvents("default", { prefix: `{${prefix}}`, connection });
    onTestFinished(async () => {
      await Promise.all([events.close(), queue.close(), backend.close()]);
    });
    const heard: unknown[] = [];
    const names = ["waiting", "delayed", "active", "progress", "completed", "failed", "removed"];
    for (const name of names as "waiting"[]) {
      events.on(name, ({ jobId: _jobId, ...event }: { readonly jobId: string }) =>
        heard.push([name, event]),
      );
    }
    await events.waitUntilReady();
    const drain = async (): Promise<void> => (await backend.createWorker({ batch: true })).run();
    const added = await add.enqueue(1, 2);
    const job = (await queue.getJob(added.id))!;
    const outcome = job.waitUntilFinished(events, 5000);
    await drain();
    expect(await outcome).toBe(3);
    await fail.enqueue();
    await drain();
    await advance.enqueue();
    await drain();
    await add.using({ runAfter: { hours: 1 } }).enqueue(1, 2);
    await backend.delete(added.id);
    await expect.poll(() => heard.at(-1)).toMatchObject(["removed", { prev: "completed" }]);
    expect(heard).toEqual([
      ["waiting", {}],
      ["active", { prev: "waiting" }],
      ["completed", { returnvalue: 3, prev: "active" }],
      ["waiting", {}],
      ["active", { prev: "waiting" }],
      ["failed", { failedReason: "on purpose", prev: "active" }],
      ["waiting", {}],
      ["active", { prev: "waiting" }],
      ["progress", { data: { done: 3 } }],
      ["completed", { returnvalue: null, prev: "active" }],
      ["delayed", { delay: expect.any(Number) as number }],
      ["removed", { prev: "completed" }],
    ]);
  });

  it("hear nothing without it", async () => {
    const { backend, prefix } = openBackend();
    await add.enqueue(1, 2);
    await (await backend.createWorker({ batch: true })).run();
    expect(await client.exists(`{${prefix}}:default:events`)).toBe(0);
    await backend.close();
  });
});

describe("a button of BullMQ's tools", () => {
  it("that promotes a task has it run at once, ahead of nothing of a larger priority", async () => {
    const { backend, queue, drain } = await open();
    const scheduled = await add.using({ runAfter: { hours: 1 } }).enqueue(1, 2);
    const first = await add.using({ priority: 1 }).enqueue(3, 4);
    await (await queue.getJob(scheduled.id))!.promote();
    await drain();
    await Promise.all([scheduled.refresh(), first.refresh()]);
    expect([scheduled.returnValue, first.returnValue]).toEqual([3, 7]);
    expect(first.startedAt!.getTime()).toBeLessThanOrEqual(scheduled.startedAt!.getTime());
    expect(await queue.getJobState(scheduled.id)).toBe("completed");
    expect((await backend.counts()).READY).toBe(0);
  });

  it("that changes a delay has the task run then", async () => {
    const { queue, drain } = await open();
    const scheduled = await add.using({ runAfter: { hours: 1 } }).enqueue(1, 2);
    await (await queue.getJob(scheduled.id))!.changeDelay(1);
    await expect
      .poll(
        async () => {
          await drain();
          return (await scheduled.refresh()).status;
        },
        { timeout: 10_000 },
      )
      .toBe("SUCCESSFUL");
  });

  it("that retries a failed task has it run again, and keeps its history", async () => {
    const { backend, queue, drain } = await open();
    const result = await heal.enqueue();
    await drain();
    isHealed = true;
    await (await queue.getJob(result.id))!.retry("failed");
    expect((await backend.counts()).READY).toBe(1);
    expect((await result.refresh()).state).toBe("retrying");
    await drain();
    await result.refresh();
    expect([result.returnValue, result.attempts, result.errors.length]).toEqual(["healed", 2, 1]);
    expect(await queue.getJobState(result.id)).toBe("completed");
  });

  it("that retries a finished task has it run again", async () => {
    const { queue, drain } = await open();
    const result = await add.enqueue(1, 2);
    await drain();
    await (await queue.getJob(result.id))!.retry("completed");
    await drain();
    await result.refresh();
    expect([result.returnValue, result.attempts]).toEqual([3, 2]);
  });

  it("that retries finds its task beside many jobs that are not ours", async () => {
    const { queue, drain } = await open();
    const foreign = { name: "foreign", data: null, opts: { priority: 101 } };
    await queue.addBulk(Array.from({ length: 50 }, () => foreign));
    await drain();
    isHealed = false;
    const result = await heal.enqueue();
    await drain();
    isHealed = true;
    await (await queue.getJob(result.id))!.retry("failed");
    await queue.addBulk(Array.from({ length: 50 }, () => foreign));
    await drain();
    expect((await result.refresh()).returnValue).toBe("healed");
    expect((await queue.getJobCounts()).prioritized).toBe(100);
  });

  it("that removes a running task tells the task by its signal", async () => {
    const { backend, queue } = await open();
    const { id } = await heed.enqueue();
    const worker = await backend.createWorker();
    const running = worker.run();
    await expect.poll(() => queue.getJobState(id)).toBe("active");
    await (await queue.getJob(id))!.remove();
    await expect.poll(() => ended).toEqual(["TaskLost"]);
    await worker.stop();
    await running;
    expect((await backend.list()).results).toEqual([]);
  });

  it("that cleans removes what it shows", async () => {
    const { backend, queue, drain } = await open();
    await add.enqueueMany([
      [1, 1],
      [2, 2],
    ]);
    const failed = await fail.enqueue();
    await drain();
    await queue.clean(0, 1000, "completed");
    expect((await backend.list()).results.map(({ id }) => id)).toEqual([failed.id]);
    expect(await backend.counts()).toEqual({ READY: 0, RUNNING: 0, SUCCESSFUL: 0, FAILED: 1 });
  });
});

describe("jobs that BullMQ added to our queues", () => {
  it("are left alone, and hold up and break nothing", async () => {
    const { backend, queue, drain } = await open();
    const foreign = [
      await queue.add("bullmq.add", [1, 2]),
      await queue.add("bullmq.add", { not: "an array" }, { priority: 1 }),
      await queue.add("bullmq.add", null, { priority: 2_000_000 }),
      await queue.add("bullmq.add", "later", { delay: 1 }),
    ];
    const result = await add.using({ priority: -100 }).enqueue(20, 22);
    const deferred = await add.using({ runAfter: { milliseconds: 1 } }).enqueue(1, 1);
    await expect.poll(async () => (await deferred.refresh()).state).toBe("ready");
    await drain();
    expect((await result.refresh()).returnValue).toBe(42);
    expect((await deferred.refresh()).returnValue).toBe(2);
    const states = await Promise.all(foreign.map((job) => job.getState()));
    expect(states).toEqual(["waiting", "prioritized", "prioritized", "delayed"]);
    expect((await backend.list()).results).toHaveLength(2);
    expect(await backend.prune({ minAgeMs: 0 })).toBe(2);
    await backend.queues();
    for (const { id } of foreign) {
      await expect(backend.getResult(id!)).rejects.toThrow(TaskResultDoesNotExist);
      await expect(backend.delete(id!)).rejects.toThrow(TaskResultDoesNotExist);
    }
  });
});
