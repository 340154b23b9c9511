import { DatabaseSync } from "node:sqlite";

import { createId, task, taskLog, withBackends, type TaskContext } from "@tasks/core";
import { DatabaseBackend, type SqliteDatabase } from "@tasks/db";
import BetterSqlite from "better-sqlite3";
import Libsql from "libsql";
import { describe, expect, it, onTestFinished } from "vitest";

taskLog.connect(() => undefined);

const RETRY = { maxAttempts: 2, backoff: { type: "fixed", delayMs: 0 } } as const;
const greet = task(
  { name: "shared.greet", takesContext: true },
  async (context: TaskContext, name: string) => {
    context.log.info(name);
    await context.setProgress({ current: 1, total: 1 });
    return name;
  },
);
const fail = task({ name: "shared.fail", ...RETRY, maxLost: 1 }, (text: string) => {
  throw new Error(text);
});
const once = task(
  { name: "shared.once", unique: { scope: "until-finished", onConflict: "reject" } },
  (n: number) => n,
);

/** The connection of an application, as far as this file uses it. */
interface Handle {
  exec(sql: string): unknown;
  prepare(sql: string): { all(): unknown[]; run(): unknown };
}

const LIBRARIES: Readonly<Record<string, () => SqliteDatabase & Handle>> = {
  "node:sqlite": () => new DatabaseSync(":memory:"),
  "better-sqlite3": () => new BetterSqlite(":memory:") as unknown as SqliteDatabase & Handle,
  libsql: () => new Libsql(":memory:") as unknown as SqliteDatabase & Handle,
};

/** Microtasks of the application between two turns of the event loop. */
const MICROTASKS = 30;

/**
 * An application that writes orders on the connection whenever it has its turn: alone and in
 * transactions.
 */
class Application {
  saved = 0;
  readonly errors = new Set<string>();
  readonly #handle: Handle;
  readonly #running: Promise<void>;
  #isStopped = false;

  constructor(handle: Handle) {
    handle.exec("create table orders (id integer primary key)");
    this.#handle = handle;
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#running;
  }

  get stored(): number {
    const [row] = this.#handle.prepare("select count(*) as count from orders").all();
    return Number((row as { readonly count: number }).count);
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      for (let turn = 0; turn < MICROTASKS; turn++) {
        await Promise.resolve();
        this.#write(turn % 2 === 0);
      }
      await new Promise(setImmediate);
    }
  }

  #write(isAlone: boolean): void {
    try {
      if (!isAlone) this.#handle.exec("begin immediate");
      this.#handle.prepare("insert into orders default values").run();
      if (!isAlone) this.#handle.exec("commit");
      this.saved++;
    } catch (error) {
      this.errors.add(String(error));
    }
  }
}

describe.each(Object.entries(LIBRARIES))("an application on the backend's %s", (_name, open) => {
  it("never meets a transaction of the backend, and loses no write to a rollback", async () => {
    const handle = open();
    const application = new Application(handle);
    const backend = new DatabaseBackend({ database: handle, leaseMs: 1000, heartbeat: "timer" });
    onTestFinished(async () => {
      await application.stop();
      await backend.close();
      handle.close();
    });
    await backend.migrate();
    await backend.migrate({ to: 0 });
    await backend.migrate();
    // Makes the transactions fail that end such a task with its history.
    handle.exec(`create trigger refuse before update on tasks_results
when new.metadata like '%poison%' and new.phase <> 3 begin select raise(abort, 'it does not fit'); end`);
    await withBackends({ default: backend }, async () => {
      await once.enqueue(15);
      const many = once.enqueueMany(Array.from({ length: 20 }, (_, n) => [n]));
      await expect(many).rejects.toMatchObject({ code: "TASKS_DUPLICATE" });
      const lost = await fail.enqueueMany([["lost"], ["lost"]]);
      const poison = fail.using({ metadata: { is: "poison" } });
      lost.push(await poison.enqueue("lost"));
      handle.exec("update tasks_results set phase = 3, fence = 1, session_id = 'gone'");
      const worker = await backend.createWorker({ intervalMs: 20 });
      const running = worker.run();
      const results = [...lost, await poison.enqueue("poison")];
      for (let round = 0; round < 5; round++) {
        const [greeted, failed] = [await greet.enqueue(createId()), await fail.enqueue("no")];
        await Promise.all([greeted.wait({ timeoutMs: 5000 }), failed.wait({ timeoutMs: 5000 })]);
        await backend.retry(failed.id);
        await failed.wait({ timeoutMs: 5000 });
        await backend.delete(greeted.id);
        const later = await greet
          .using({ runAfter: new Date(Date.now() + 60_000) })
          .enqueue("later");
        await backend.cancel(later.id);
      }
      for (const result of results) await result.wait({ timeoutMs: 20_000 });
      expect(results.map(({ status }) => status)).toEqual(results.map(() => "FAILED"));
      await backend.prune({ minAgeMs: 0, failedMinAgeMs: 0, batchSize: 2 });
      await worker.stop();
      await running;
    });
    await backend.migrate({ to: 0 });
    await application.stop();
    expect([...application.errors]).toEqual([]);
    expect(application.stored).toBe(application.saved);
    expect(application.saved).toBeGreaterThan(100);
  }, 60_000);
});
