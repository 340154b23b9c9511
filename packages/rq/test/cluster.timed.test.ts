import { createId, task, taskLog, withBackends, type Task } from "@tasks/core";
import type { QueueWorker } from "@tasks/core/worker";
import { RQBackend } from "@tasks/rq";
import { Redis, type Cluster } from "ioredis";
import { describe, expect, it, onTestFinished, vi } from "vitest";

import { createFolder } from "./support/folder.ts";
import { readJournal, startWorker as startWorkerProcess } from "./support/processes.ts";
import { openCluster } from "./support/redis-cluster.ts";
import { compute } from "./support/tasks.ts";

taskLog.connect(() => undefined);
const { servers, cluster } = await openCluster(1);

const folder = createFolder();
const executions = new Map<string, number>();
const work: Task<[label: string], string> = task(
  { name: "cluster.work" },
  async (label: string) => {
    executions.set(label, (executions.get(label) ?? 0) + 1);
    await new Promise((resolve) => setTimeout(resolve, 5));
    return label;
  },
);

const labels = (count: number): [string][] =>
  Array.from({ length: count }, () => [createId()] as [string]);

function open(prefix: string, client: Cluster = cluster): RQBackend {
  const backend = new RQBackend({ connection: client, prefix, leaseMs: 3000 });
  onTestFinished(() => backend.close());
  return backend;
}

/** Works until the test is over. */
async function startWorker(backend: RQBackend): Promise<void> {
  const worker = await backend.createWorker({ concurrency: 5 });
  const running = worker.run();
  onTestFinished(async () => {
    await worker.stop();
    await running;
  });
}

async function allSucceeded(backend: RQBackend, count: number): Promise<void> {
  await vi.waitFor(
    async () => {
      const counts = await backend.counts();
      expect(counts).toEqual({ READY: 0, RUNNING: 0, SUCCESSFUL: count, FAILED: 0 });
    },
    { timeout: 20_000, interval: 50 },
  );
}

/** A prefix whose keys are on the node that has a replica. */
async function prefixOnFirstNode(): Promise<string> {
  for (;;) {
    const prefix = `t${createId()}`;
    const { url } = await servers.masterOf(`{${prefix}}`);
    if (new URL(url).port === String(servers.nodes[0]!.port)) return prefix;
  }
}

describe("a cluster", () => {
  it("keeps each backend on one node, and several backends on several nodes", async () => {
    const prefixes = Array.from({ length: 8 }, () => `t${createId()}`);
    await Promise.all(
      prefixes.map(async (prefix) => {
        const backend = open(prefix);
        await withBackends({ default: backend }, () => work.enqueueMany(labels(3)));
        await (await backend.createWorker({ batch: true })).run();
        await allSucceeded(backend, 3);
      }),
    );
    const nodesOf = await Promise.all(
      prefixes.map(async (prefix) => {
        const found = await Promise.all(
          cluster.nodes("master").map((node) => node.keys(`*${prefix}*`)),
        );
        return found.flatMap((keys, node) => (keys.length > 0 ? [node] : []));
      }),
    );
    for (const nodes of nodesOf) expect(nodes).toHaveLength(1);
    expect(new Set(nodesOf.flat()).size).toBeGreaterThan(1);
  }, 30_000);

  it("moves the keys of a backend to another node while its tasks run, and none is lost or runs twice", async () => {
    const prefix = `t${createId()}`;
    const backend = open(prefix);
    const tasks = labels(200);
    await withBackends({ default: backend }, () => work.enqueueMany(tasks));
    await startWorker(backend);
    await vi.waitFor(async () => expect((await backend.counts()).SUCCESSFUL).toBeGreaterThan(20), {
      timeout: 10_000,
    });
    await moveSlot(`{${prefix}}`);
    await allSucceeded(backend, tasks.length);
    for (const [label] of tasks) expect(executions.get(label)).toBe(1);
  }, 30_000);

  it("may carry out a claim whose answer is lost with a connection: the next one finds its task again", async () => {
    const prefix = `t${createId()}`;
    const backend = open(prefix);
    await withBackends({ default: backend }, () => work.enqueueMany(labels(2)));
    const { store } = (await backend.createWorker()) as QueueWorker;
    const session = { sessionId: createId(), workerId: "w", queueNames: ["*"], concurrency: 1 };
    const request = { session: { ...session, leaseMs: 60_000 }, limit: 1, queueNames: ["*"] };
    const claim = async (limit: number, taskNames = [work.name]): Promise<readonly string[]> => {
      const claimed = await store.claim({ ...request, limit, excludeQueues: [], taskNames });
      return claimed.map(({ id }) => id);
    };
    await store.register(request.session);
    // So that the node knows the script.
    await claim(1, []);
    const { url } = await servers.masterOf(`{${prefix}}`);
    const { port } = new URL(url);
    const node = cluster.nodes("master").find(({ options }) => options.port === Number(port))!;
    const admin = new Redis(url);
    await admin.ping();
    const busy = admin.eval(BUSY, 0, 300);
    const interrupted = claim(1);
    await new Promise((resolve) => setTimeout(resolve, 50));
    node.stream.destroy();
    const first = await interrupted;
    await busy;
    expect((await backend.counts()).RUNNING).toBe(2);
    const second = await claim(2);
    expect(new Set([...first, ...second]).size).toBe(2);
    admin.disconnect();
  });

  it("keeps the lease of a task that computes for longer than it, also while its keys move", async () => {
    const leaseMs = 3000;
    const prefix = `t${createId()}`;
    const backend = open(prefix);
    const journal = folder.path(createId());
    const job = { backend: { prefix, leaseMs }, client: { nodes: servers.nodes } };
    const [busy, rival] = await Promise.all([1, 2].map(() => startWorkerProcess(job, journal)));
    const result = await withBackends({ default: backend }, () =>
      compute.enqueue("long", 3 * leaseMs),
    );
    await vi.waitFor(() => expect(readJournal(journal)).toHaveLength(1), { timeout: 10_000 });
    await new Promise((resolve) => setTimeout(resolve, leaseMs));
    await moveSlot(`{${prefix}}`);
    await vi.waitFor(async () => expect((await result.refresh()).status).toBe("SUCCESSFUL"), {
      timeout: 20_000,
    });
    expect([result.attempts, readJournal(journal).length]).toEqual([1, 2]);
    for (const worker of [busy!, rival!]) worker.process.kill("SIGTERM");
    await Promise.all([busy!.ended, rival!.ended]);
  }, 40_000);

  it("loses a node with its tasks running, goes on with the replica, and finishes them all", async () => {
    const prefix = await prefixOnFirstNode();
    const backend = open(prefix);
    const tasks = labels(300);
    await withBackends({ default: backend }, () => work.enqueueMany(tasks));
    // Whatever the replica does not have yet would be lost.
    await cluster.wait(1, 5000);
    await startWorker(backend);
    await vi.waitFor(async () => expect((await backend.counts()).SUCCESSFUL).toBeGreaterThan(20), {
      timeout: 10_000,
    });
    const victim = await servers.masterOf(`{${prefix}}`);
    await victim.kill();
    await allSucceeded(backend, tasks.length);
    expect((await servers.masterOf(`{${prefix}}`)).url).not.toBe(victim.url);
    await victim.start();
  }, 60_000);
});

/** Keeps a server from everything else for some milliseconds. */
const BUSY = `
local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + time[2] / 1000
end
local finish = now() + ARGV[1]
while now() < finish do end
return 1`;

/** Moves a slot as `redis-cli --cluster reshard` does, a few keys at a time. */
async function moveSlot(key: string): Promise<void> {
  const slot = await cluster.cluster("KEYSLOT", key);
  const from = new Redis((await servers.masterOf(key)).url);
  const others = cluster
    .nodes("master")
    .filter(({ options }) => options.port !== from.options.port);
  const to = new Redis(others[0]!.options.port!, "127.0.0.1");
  try {
    const [fromId, toId] = await Promise.all([from.cluster("MYID"), to.cluster("MYID")]);
    await to.cluster("SETSLOT", slot, "IMPORTING", fromId);
    await from.cluster("SETSLOT", slot, "MIGRATING", toId);
    for (;;) {
      const keys = await from.cluster("GETKEYSINSLOT", slot, 20);
      if (keys.length === 0) break;
      const { host, port } = to.options;
      await from.call("MIGRATE", host!, port!, "", 0, 5000, "KEYS", ...keys);
    }
    await to.cluster("SETSLOT", slot, "NODE", toId);
    await from.cluster("SETSLOT", slot, "NODE", toId);
  } finally {
    from.disconnect();
    to.disconnect();
  }
}
