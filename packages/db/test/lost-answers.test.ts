import { configureTasks, createId, task, taskFinished, taskLog, type LogRecord } from "@tasks/core";
import { DatabaseBackend } from "@tasks/db";
import { Client, Pool, type PoolConfig } from "pg";
import { describe, expect, it, onTestFinished } from "vitest";

import { createPool, postgresUrl } from "./support/postgres.ts";

const pool = createPool(2);

/** A backend of whose statements one is carried out while its answer is lost: the first that matches. */
async function openLossy(
  lost: RegExp,
): Promise<{ readonly backend: DatabaseBackend; readonly wasLost: () => boolean }> {
  const schema = `t_${createId()}`;
  let isLost = false;
  /** What becomes of an answer on its way. */
  const arrive = (text: string | undefined): void => {
    if (isLost || text === undefined || !lost.test(text)) return;
    isLost = true;
    throw Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" });
  };
  class LossyClient extends Client {
    override query = ((query: { readonly text?: string }, ...rest: unknown[]): unknown => {
      const send = super.query.bind(this) as (...args: unknown[]) => Promise<unknown>;
      const callback = rest.at(-1);
      if (typeof callback !== "function") {
        return send(query).then((answer) => {
          arrive(query.text);
          return answer;
        });
      }
      // So does the pool.
      return send(query, ...rest.slice(0, -1), (error: unknown, answer: unknown) => {
        try {
          if (error === null || error === undefined) arrive(query.text);
          callback(error, answer);
        } catch (loss) {
          callback(loss);
        }
      });
    }) as Client["query"];
  }
  const lossy = new Pool({
    connectionString: postgresUrl(),
    max: 3,
    Client: LossyClient,
  } as PoolConfig);
  const backend = new DatabaseBackend({ database: lossy, schema });
  const migrator = new DatabaseBackend({ database: pool, schema });
  await migrator.migrate();
  configureTasks({ backends: { default: backend } });
  onTestFinished(async () => {
    await backend.close();
    await lossy.end();
    await pool.query(`drop schema ${schema} cascade`);
  });
  return { backend, wasLost: () => isLost };
}

const UNAVAILABLE = { code: "TASKS_BACKEND_UNAVAILABLE" };
const greet = task({ name: "lost.greet" }, (name: string) => `Hello, ${name}!`);
const fail = task({ name: "lost.fail" }, (): never => {
  throw new Error("no");
});
let failures = 0;
const failOnce = task(
  { name: "lost.fail-once", maxAttempts: 2, backoff: { type: "fixed", delayMs: 0 } },
  () => {
    if (failures++ === 0) throw new Error("once");
    return "done";
  },
);
const once = task(
  { name: "lost.once", unique: { scope: "until-finished", onConflict: "return-existing" } },
  (name: string) => name,
);

/** What signals and logs say during `action`. */
async function recorded(action: () => Promise<void>): Promise<{
  readonly finished: readonly string[];
  readonly warnings: readonly LogRecord[];
}> {
  const finished: string[] = [];
  const warnings: LogRecord[] = [];
  const disconnect = [
    taskFinished.connect(({ taskResult }) => void finished.push(taskResult.id)),
    taskLog.connect((entry) => void (entry.level === "warn" && warnings.push(entry))),
  ];
  await action();
  for (const stop of disconnect) stop();
  return { finished, warnings };
}

async function drain(backend: DatabaseBackend): Promise<void> {
  const worker = await backend.createWorker({ batch: true, intervalMs: 10 });
  await worker.run();
}

describe("an outcome whose answer is lost", () => {
  it("of a success, is told as finished once, and never called lost", async () => {
    const { backend, wasLost } = await openLossy(/phase = 4/);
    const results = await greet.enqueueMany([["Ada"], ["Grace"]]);
    const { finished, warnings } = await recorded(() => drain(backend));
    expect(wasLost()).toBe(true);
    expect(finished.toSorted()).toEqual(results.map(({ id }) => id));
    expect(warnings.filter(({ message }) => /lost/.test(message))).toEqual([]);
    for (const result of results) {
      await result.refresh();
      expect(result).toMatchObject({ status: "SUCCESSFUL", attempts: 1 });
    }
  });

  it("of a failure, likewise", async () => {
    const { backend, wasLost } = await openLossy(/^commit/);
    const result = await fail.enqueue();
    const { finished, warnings } = await recorded(() => drain(backend));
    expect(wasLost()).toBe(true);
    expect(finished).toEqual([result.id]);
    expect(warnings.filter(({ message }) => /lost/.test(message))).toEqual([]);
    await result.refresh();
    expect(result).toMatchObject({ status: "FAILED", attempts: 1 });
    expect(result.errors).toHaveLength(1);
  });

  it("of a failure that is tried again, likewise, and uses up one attempt", async () => {
    const { backend, wasLost } = await openLossy(/^commit/);
    const result = await failOnce.enqueue();
    const { finished, warnings } = await recorded(() => drain(backend));
    expect(wasLost()).toBe(true);
    expect(finished).toEqual([result.id]);
    expect(warnings.filter(({ message }) => /was lost/.test(message))).toEqual([]);
    await result.refresh();
    expect(result).toMatchObject({ status: "SUCCESSFUL", attempts: 2, returnValue: "done" });
    expect(result.errors).toHaveLength(1);
  });
});

describe("an enqueue whose answer is lost", () => {
  it("is rejected although the task is stored; with a unique key it can be repeated without a second row", async () => {
    const { backend, wasLost } = await openLossy(/\binsert into\b/);
    await expect(once.enqueue("a")).rejects.toMatchObject(UNAVAILABLE);
    expect(wasLost()).toBe(true);
    expect(await once.enqueue("a")).toMatchObject({ deduplicated: true, status: "READY" });
    expect(await backend.counts()).toMatchObject({ READY: 1 });
  });

  it("is answered with the stored task when it is repeated with the same id", async () => {
    const { backend, wasLost } = await openLossy(/\binsert into\b/);
    const order = greet.using({ id: "order-1" });
    await expect(order.enqueue("Ada")).rejects.toMatchObject(UNAVAILABLE);
    expect(wasLost()).toBe(true);
    const repeated = await order.enqueue("Ada");
    expect(repeated).toMatchObject({ id: "order-1", args: ["Ada"], deduplicated: true });
    expect(await backend.counts()).toMatchObject({ READY: 1 });
  });
});
