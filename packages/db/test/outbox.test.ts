import { DatabaseSync } from "node:sqlite";

import {
  BackendUnavailable,
  InvalidOption,
  MemoryBackend,
  NotSupported,
  task,
  TaskResultDoesNotExist,
  withBackends,
  type Enqueued,
  type EnqueueRequest,
  type TaskRecord,
} from "@tasks/core";
import { OutboxBackend } from "@tasks/core/outbox";
import { createClock } from "@tasks/core/testing";
import { DatabaseBackend } from "@tasks/db";
import { describe, expect, it } from "vitest";

const runs: number[] = [];
const count = task({ name: "outbox.count" }, (n: number) => {
  runs.push(n);
  return n;
});
const once = task({ name: "outbox.once", unique: { scope: "until-finished" } }, (n: number) => n);

/** Everything of one test: a store to run tasks on, and the application's database with the outbox in it. */
class Stage implements AsyncDisposable {
  readonly database = new DatabaseSync(":memory:");
  readonly target: MemoryBackend;
  readonly outbox = new DatabaseBackend({ database: this.database, heartbeat: "timer" });
  readonly backend: OutboxBackend;

  constructor(target: MemoryBackend = new MemoryBackend()) {
    this.target = target;
    this.backend = new OutboxBackend({ target, outbox: this.outbox });
  }

  run(work: () => Promise<void>): Promise<void> {
    return withBackends({ default: this.backend }, async () => {
      await this.outbox.migrate();
      await work();
    });
  }

  /** Enqueues in a transaction of the application's. */
  async enqueue(n: number, end: "commit" | "rollback" = "commit"): Promise<string> {
    this.database.exec("begin immediate");
    const { id } = await count.using({ transaction: this.database }).enqueue(n);
    this.database.exec(end);
    return id;
  }

  async drain(): Promise<void> {
    const worker = await this.backend.createWorker({ batch: true, intervalMs: 20 });
    await worker.run();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.backend.close();
    this.database.close();
  }
}

async function onStage(work: (stage: Stage) => Promise<void>, target?: MemoryBackend) {
  await using stage = new Stage(target);
  await stage.run(() => work(stage));
}

describe("a task enqueued in a transaction", () => {
  it("moves to the target after the commit and runs there once", () =>
    onStage(async (stage) => {
      const id = await stage.enqueue(1);
      expect(await stage.target.readRecord(id)).toBeUndefined();
      const waiting = await count.getResult(id);
      expect([waiting.status, waiting.args]).toEqual(["READY", [1]]);

      await stage.drain();
      expect((await stage.target.readRecord(id))?.returnValue).toBe(1);
      expect((await waiting.refresh()).returnValue).toBe(1);
      expect(runs.filter((n) => n === 1)).toHaveLength(1);
    }));

  it("is gone with a rollback", () =>
    onStage(async (stage) => {
      const id = await stage.enqueue(2, "rollback");
      await stage.drain();
      await expect(count.getResult(id)).rejects.toThrow(TaskResultDoesNotExist);
      expect(runs).not.toContain(2);
    }));

  it("keeps its priority, its due time and its metadata on the way", () =>
    onStage(async (stage) => {
      stage.database.exec("begin immediate");
      const result = await count
        .using({
          transaction: stage.database,
          priority: 7,
          runAfter: { hours: 1 },
          metadata: { tenant: "a" },
        })
        .enqueue(3);
      stage.database.exec("commit");
      await stage.drain();
      const record = await stage.target.readRecord(result.id);
      expect(record).toMatchObject({ status: "READY", priority: 7, metadata: { tenant: "a" } });
      // Counted by the clock of each store in its turn.
      const dueMs = record?.runAfter?.getTime() ?? 0;
      expect(Math.abs(dueMs - result.enqueuedAt.getTime() - 3_600_000)).toBeLessThan(1000);
    }));

  it("is due after its delay by the target's clock, whatever that shows", () => {
    const clock = createClock(new Date(Date.now() - 86_400_000));
    const work = async (stage: Stage): Promise<void> => {
      stage.database.exec("begin immediate");
      const { id } = await count
        .using({ transaction: stage.database, runAfter: { hours: 1 } })
        .enqueue(10);
      stage.database.exec("commit");
      await stage.drain();
      const dueMs = (await stage.target.readRecord(id))?.runAfter?.getTime() ?? 0;
      const leftMs = dueMs - clock.now().getTime();
      expect(leftMs).toBeGreaterThan(3_500_000);
      expect(leftMs).toBeLessThanOrEqual(3_600_000);
    };
    return onStage(work, new MemoryBackend({ clock }));
  });

  it("is left to the relay that has it, when one was stalled while another moved it", () => {
    const target = new Stalling();
    return onStage(async (stage) => {
      const id = await stage.enqueue(11);
      target.whileReading = () => {
        stage.database.exec(
          "update tasks_results set fence = fence + 1, worker_ids = json_insert(worker_ids, '$[#]', 'another')",
        );
      };
      const worker = await stage.backend.createWorker({ intervalMs: 20, shutdownTimeoutMs: 0 });
      const running = worker.run();
      await target.read;
      await worker.stop();
      await running;
      expect(await target.readRecord(id)).toBeUndefined();
      expect(runs).not.toContain(11);
    }, target);
  });

  it("is not stored twice when a relay died before it could note that it had stored it", () =>
    onStage(async (stage) => {
      const id = await stage.enqueue(4);
      await stage.drain();
      stage.database.exec("update tasks_results set phase = 1, finished_at = null");
      await stage.drain();
      expect(runs.filter((n) => n === 4)).toHaveLength(1);
      expect((await stage.target.counts()).SUCCESSFUL).toBe(1);
      expect((await stage.outbox.readRecord(id))?.status).toBe("SUCCESSFUL");
    }));

  it("can be cancelled before it has moved", () =>
    onStage(async (stage) => {
      const id = await stage.enqueue(5);
      const result = await count.getResult(id);
      expect(await result.cancel()).toBe(true);
      await stage.drain();
      expect((await result.refresh()).state).toBe("cancelled");
      expect(runs).not.toContain(5);
      expect(await result.cancel()).toBe(false);
    }));

  it("is run by hand with its id, wherever it is", () =>
    onStage(async (stage) => {
      const id = await stage.enqueue(6);
      expect((await stage.backend.runTask(id)).returnValue).toBe(6);
    }));

  it("waits while the target is out of reach, and uses up nothing", () =>
    onStage(async (stage) => {
      const id = await stage.enqueue(7);
      const worker = await stage.backend.createWorker({ intervalMs: 20 });
      const running = worker.run();
      await (stage.target as Unreachable).refused;
      (stage.target as Unreachable).isReachable = true;
      const result = await (await count.getResult(id)).wait({ timeoutMs: 10_000 });
      expect(result.returnValue).toBe(7);
      expect((await stage.outbox.readRecord(id))?.failures).toBe(0);
      await worker.stop();
      await running;
    }, new Unreachable()));

  it("may not be unique, as its key is the target's to give", () =>
    onStage(async (stage) => {
      stage.database.exec("begin immediate");
      await expect(once.using({ transaction: stage.database }).enqueue(8)).rejects.toThrow(
        NotSupported,
      );
      stage.database.exec("commit");
      await once.enqueue(8);
      await stage.drain();
      expect((await stage.outbox.counts()).READY).toBe(0);
    }));
});

it("enqueues on the target directly without a transaction", () =>
  onStage(async (stage) => {
    const { id } = await count.enqueue(9);
    expect((await stage.target.readRecord(id))?.args).toEqual([9]);
    expect(await stage.outbox.readRecord(id)).toBeUndefined();
  }));

it("ends its worker, and says why, when the relay cannot run", () =>
  onStage(async (stage) => {
    const worker = await stage.backend.createWorker({ intervalMs: 20 });
    await stage.outbox.close();
    await expect(worker.run()).rejects.toThrow(BackendUnavailable);
    expect((await stage.target.workers()).filter(({ alive }) => alive)).toEqual([]);
  }));

it("is refused on an outbox without transactions", () => {
  const memory = new MemoryBackend();
  expect(() => new OutboxBackend({ target: memory, outbox: memory })).toThrow(InvalidOption);
});

/** A target at which something happens between a relay's question for a record and the answer. */
class Stalling extends MemoryBackend {
  whileReading: (() => void) | undefined;
  #tellRead: () => void = () => undefined;
  readonly read: Promise<void> = new Promise((resolve) => (this.#tellRead = resolve));

  override async readRecord(id: string): Promise<TaskRecord | undefined> {
    const record = await super.readRecord(id);
    this.whileReading?.();
    if (this.whileReading !== undefined) this.#tellRead();
    this.whileReading = undefined;
    return record;
  }
}

/** A target whose store is down until told otherwise. */
class Unreachable extends MemoryBackend {
  isReachable = false;
  #refuse: () => void = () => {};
  /** Resolves when an enqueue has been refused. */
  readonly refused = new Promise<void>((resolve) => {
    this.#refuse = resolve;
  });

  override async enqueue(request: EnqueueRequest): Promise<Enqueued> {
    if (this.isReachable) return super.enqueue(request);
    this.#refuse();
    throw new BackendUnavailable("The store is down.");
  }
}
