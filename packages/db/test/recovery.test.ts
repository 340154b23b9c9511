import { createId, task, withBackends } from "@tasks/core";
import type { QueueWorker, WorkerSession, WorkerStore } from "@tasks/core/worker";
import { DatabaseBackend } from "@tasks/db";
import { createPool as createMysqlPool } from "mysql2";
import { Client, Pool, type PoolConfig } from "pg";
import { describe, expect, it, onTestFinished } from "vitest";

import { createDatabases, createPool as createMariadbPool } from "./support/mariadb.ts";
import { createPool as createPgPool, postgresUrl } from "./support/postgres.ts";

const pgPool = createPgPool(2);
const databases = createDatabases(createMariadbPool());
const note = task({ name: "recovery.note" }, () => null);

/** Rows are locked by the first statement after the heartbeats were read. */
const LOCK = /for update/;

/** Stops the next statement that matches, as a slow network would. */
class Gate {
  readonly reached: Promise<void>;
  #isOpen = false;
  #open!: () => void;
  #reach!: () => void;
  readonly #opened: Promise<void>;

  constructor() {
    this.reached = new Promise((resolve) => (this.#reach = resolve));
    this.#opened = new Promise((resolve) => (this.#open = resolve));
  }

  pass(): void {
    this.#isOpen = true;
    this.#open();
  }

  /** Sends a statement, when it may pass. */
  send(text: string | undefined, send: () => void): void {
    if (this.#isOpen || text === undefined || !LOCK.test(text)) return send();
    this.#reach();
    void this.#opened.then(send);
  }
}

interface Opened {
  /** A backend whose statements go through a gate. */
  readonly slow: DatabaseBackend;
  /** Another one on the same tables. */
  readonly quick: DatabaseBackend;
  readonly gate: Gate;
}

async function openPostgres(): Promise<Opened> {
  const gate = new Gate();
  class GatedClient extends Client {
    override query = ((query: { readonly text?: string }, ...rest: unknown[]): unknown => {
      const send = super.query.bind(this) as (...args: unknown[]) => Promise<unknown>;
      if (rest.length > 0) return send(query, ...rest);
      return new Promise((resolve) => {
        gate.send(query.text, () => resolve(send(query)));
      });
    }) as Client["query"];
  }
  const schema = `t_${createId()}`;
  const gated = new Pool({ connectionString: postgresUrl(), Client: GatedClient } as PoolConfig);
  const quick = new DatabaseBackend({ database: pgPool, schema });
  await quick.migrate();
  const slow = new DatabaseBackend({ database: gated, schema });
  onTestFinished(async () => {
    gate.pass();
    await Promise.all([slow.close(), quick.close()]);
    await gated.end();
    await pgPool.query(`drop schema ${schema} cascade`);
  });
  return { slow, quick, gate };
}

async function openMariadb(): Promise<Opened> {
  const gate = new Gate();
  const { url, backend: quick } = await databases.open();
  const gated = createMysqlPool({ uri: url });
  gated.on("connection", (connection) => {
    for (const name of ["query", "execute"] as const) {
      const send = connection[name].bind(connection) as (...args: unknown[]) => void;
      connection[name] = ((options: { readonly sql?: string } | string, ...rest: unknown[]) => {
        const text = typeof options === "string" ? options : options.sql;
        gate.send(text, () => send(options, ...rest));
      }) as never;
    }
  });
  const slow = new DatabaseBackend({ database: gated });
  onTestFinished(async () => {
    gate.pass();
    await Promise.all([slow.close(), quick.close()]);
    await gated.promise().end();
  });
  return { slow, quick, gate };
}

async function storeOf(backend: DatabaseBackend): Promise<WorkerStore> {
  return ((await backend.createWorker({ queueNames: ["*"] })) as QueueWorker).store;
}

/** Registers a session and claims a task for it. */
async function claimOne(
  store: WorkerStore,
  leaseMs: number,
): Promise<{ readonly session: WorkerSession; readonly fence: number; readonly id: string }> {
  const sessionId = createId();
  const session = { sessionId, workerId: sessionId, queueNames: ["*"], concurrency: 1, leaseMs };
  await store.register(session);
  const [claimed] = await store.claim({
    session,
    limit: 1,
    queueNames: ["*"],
    excludeQueues: [],
    taskNames: [note.name],
  });
  if (claimed === undefined) throw new Error("There was nothing to claim.");
  return { session, fence: claimed.fence, id: claimed.id };
}

/**
 * Recovers until the gate has been reached. Resolves when the recovery that stood there is over.
 */
async function recoverAtTheGate(
  store: WorkerStore,
  session: WorkerSession,
  gate: Gate,
): Promise<void> {
  let isReached = false;
  void gate.reached.then(() => (isReached = true));
  while (!isReached) await store.recoverLost(session);
}

describe.each([
  ["PostgreSQL", openPostgres],
  ["MariaDB", openMariadb],
])("between the look at the heartbeats and the lock of the rows, on %s", (_name, open) => {
  it("a session that renews keeps its attempt", async () => {
    const { slow, quick, gate } = await open();
    const [recovering, living] = [await storeOf(slow), await storeOf(quick)];
    await withBackends({ default: quick }, async () => {
      const result = await note.enqueue();
      const { session } = await claimOne(living, 60);
      const recovery = recoverAtTheGate(recovering, session, gate);
      await gate.reached;
      await living.renewLease(session);
      gate.pass();
      await recovery;
      expect((await result.refresh()).status).toBe("RUNNING");
    });
  });

  it("an attempt that another worker recovered, and a third one runs, is not lost again", async () => {
    const { slow, quick, gate } = await open();
    const [recovering, other] = [await storeOf(slow), await storeOf(quick)];
    await withBackends({ default: quick }, async () => {
      const result = await note.enqueue();
      const { session } = await claimOne(other, 60);
      const recovery = recoverAtTheGate(recovering, session, gate);
      await gate.reached;
      while ((await result.refresh()).status === "RUNNING") await other.recoverLost(session);
      await claimOne(other, 60_000);
      gate.pass();
      await recovery;
      await result.refresh();
      expect([result.status, result.attempts]).toEqual(["RUNNING", 2]);
    });
  });
});

/** Recoveries that wait for a second connection while they hold one would deadlock. */
describe.each([
  ["PostgreSQL", openOnePostgres],
  ["MariaDB", async () => (await databases.open({ poolSize: 1 })).backend],
])("a pool of one connection, on %s", (_name, open) => {
  it("is enough to recover by", async () => {
    await using backend = await open();
    const store = await storeOf(backend);
    await withBackends({ default: backend }, async () => {
      const result = await note.enqueue();
      const { session } = await claimOne(store, 60);
      while ((await result.refresh()).status === "RUNNING") {
        await Promise.all([store.recoverLost(session), store.recoverLost(session)]);
      }
      expect(result.status).toBe("READY");
    });
  });
});

async function openOnePostgres(): Promise<DatabaseBackend> {
  const schema = `t_${createId()}`;
  const backend = new DatabaseBackend({ url: postgresUrl(), poolSize: 1, schema });
  await backend.migrate();
  onTestFinished(() => pgPool.query(`drop schema ${schema} cascade`).then(() => undefined));
  return backend;
}
