import assert from "node:assert/strict";

import { BackendUnavailable, withBackends, type Backend } from "@tasks/core";

import { within } from "../internal/deadline.ts";
import { createDeferred } from "../internal/deferred.ts";
import { holdTask } from "../internal/hold-task.ts";
import type { Need, Requirement } from "../requirement.ts";
import type { Scope } from "../scope.ts";

/** Checking and closing. */
export const lifeRequirements: readonly Requirement[] = [
  {
    id: "life.check",
    sentence: "A backend that is ready for use reports no error.",
    needs: [],
    upstream: ["119", "263", "265"],
    test: async (t) => {
      const findings = await t.backend.check();
      assert.deepEqual(
        findings.filter(({ level }) => level === "error"),
        [],
      );
    },
  },
  {
    id: "life.alias",
    sentence: "A backend has the alias it is configured under, and frozen queue names.",
    needs: [],
    upstream: ["9", "85", "106", "239"],
    test: (t) => {
      assert.equal(t.backend.alias, "default");
      assert.ok(Object.isFrozen(t.backend.queueNames));
    },
  },
  {
    id: "life.now",
    sentence: "now() is a date that does not run backwards.",
    needs: [],
    test: (t) => {
      const first = t.backend.now();
      const second = t.backend.now();
      assert.ok(first instanceof Date && !Number.isNaN(first.getTime()));
      assert.ok(second >= first);
    },
  },
  {
    id: "life.close-unused",
    sentence: "A backend that was never used can be closed.",
    needs: [],
    test: async (t) => {
      const unused = await t.openUnrelated();
      await within(5000, "close() resolves", unused.close());
    },
  },
  {
    id: "life.close-twice",
    sentence: "close() is idempotent: at once, and again later.",
    needs: [],
    test: async (t) => {
      await t.task(() => null).enqueue();
      const { backend } = t;
      await within(5000, "both resolve", Promise.all([backend.close(), backend.close()]));
      await within(1000, "a third too", backend.close());
    },
  },
  {
    id: "life.dispose",
    sentence: "Disposing a backend closes it, and may follow a close().",
    needs: [],
    test: async (t) => {
      await t.backend[Symbol.asyncDispose]();
      await t.backend.close();
      await t.backend[Symbol.asyncDispose]();
    },
  },
  {
    id: "life.close-is-local",
    sentence: "Closing one handle closes no other.",
    needs: ["secondHandle", "getResult"],
    test: async (t) => {
      const elsewhere = await t.open();
      await elsewhere.close();
      const result = await t.task(() => null).enqueue();
      assert.equal((await t.backend.getResult(result.id)).id, result.id);
    },
  },
  {
    id: "life.opened-at-once",
    sentence: "Ten handles that are opened at once on a new store all work.",
    needs: ["secondHandle", "getResult"],
    test: async (t) => {
      const handles = await t.openTogether(10);
      const task = t.task((n: number) => n);
      const ids = await Promise.all(
        handles.map((handle, n) =>
          withBackends({ default: handle }, async () => (await task.enqueue(n)).id),
        ),
      );
      for (const [n, id] of ids.entries()) {
        const reader = handles[(n + 1) % handles.length]!;
        assert.deepEqual((await reader.getResult(id)).args, [n]);
      }
    },
  },
  {
    id: "life.close-stops-workers",
    sentence: "close() stops the backend's workers: running tasks end, and run() resolves.",
    needs: ["worker", "secondHandle", "getResult"],
    test: async (t) => {
      const elsewhere = await t.open();
      const { result, running, end } = await holdTask(t);
      const closed = t.backend.close();
      end();
      await within(5000, "close() resolves", closed);
      await within(1000, "run() resolves", running.done);
      assert.equal((await elsewhere.getResult(result.id)).status, "SUCCESSFUL");
    },
  },
  {
    id: "life.closed-runs-no-worker",
    sentence: "A worker of a closed backend refuses to run with BackendUnavailable.",
    needs: ["worker"],
    test: async (t) => {
      const worker = await t.backend.createWorker();
      await t.backend.close();
      const refused = { name: BackendUnavailable.name };
      await within(1000, "run() rejects", assert.rejects(worker.run(), refused));
      await within(1000, "stop() resolves", worker.stop());
    },
  },
  {
    id: "life.close-ends-run-task",
    sentence: "close() gives back the task that runTask() runs, and runTask() settles.",
    needs: ["worker", "secondHandle", "getResult"],
    test: async (t) => {
      const elsewhere = await t.open();
      const started = createDeferred();
      const { id } = await t
        .contextTask(async ({ signal }) => {
          started.resolve();
          await new Promise((_resolve, reject) => {
            signal.addEventListener("abort", () => reject(signal.reason as Error));
          });
        })
        .enqueue();
      const run = t.backend.runTask(id);
      run.catch(() => undefined);
      await started.promise;
      await within(5000, "close() resolves", t.backend.close());
      await within(5000, "runTask() settles", Promise.allSettled([run]));
      const { status, attempts } = await elsewhere.getResult(id);
      assert.deepEqual([status, attempts], ["READY", 0]);
    },
  },
  {
    id: "life.methods-return-promises",
    sentence: "No method of a backend, supported or not, throws before it returns its promise.",
    needs: [],
    test: async (t) => {
      for (const [name, call] of calls(t)) {
        let promise: Promise<unknown> | undefined;
        assert.doesNotThrow(() => {
          promise = call(t.backend);
        }, name.method);
        await Promise.allSettled([promise]);
      }
    },
  },
  ...traitRequirements(
    "after-close",
    "after close() settles: it works or rejects, and does not hang",
    async (backend, call) => {
      await backend.close();
      await within(3000, "The call settles", Promise.allSettled([attempt(backend, call)]));
    },
  ),
  ...traitRequirements(
    "called-twice",
    "called twice at once settles both times",
    async (backend, call) => {
      const both = [attempt(backend, call), attempt(backend, call)];
      await within(5000, "Both calls settle", Promise.allSettled(both));
      assert.deepEqual(
        (await backend.check()).filter(({ level }) => level === "error"),
        [],
      );
    },
  ),
];

interface Named {
  readonly method: string;
  readonly needs: readonly Need[];
}
type Call = (backend: Backend) => Promise<unknown>;

/** A harmless call of every method. */
function calls(t: Pick<Scope, "request">): readonly (readonly [Named, Call])[] {
  const named = (method: string, ...needs: readonly Need[]): Named => ({ method, needs });
  return [
    [named("enqueue"), (backend) => backend.enqueue(t.request())],
    [named("enqueueMany"), (backend) => backend.enqueueMany([t.request(), t.request()])],
    [named("readRecord", "getResult"), (backend) => backend.readRecord("0")],
    [named("getResult", "getResult"), (backend) => backend.getResult("0")],
    [named("cancel", "cancel"), (backend) => backend.cancel("0")],
    [named("waitForChange", "wait"), (backend) => backend.waitForChange("0", 10)],
    [named("createWorker", "worker"), (backend) => backend.createWorker()],
    [named("runTask", "worker"), (backend) => backend.runTask("0")],
    [named("list", "list"), (backend) => backend.list()],
    [named("counts", "list"), (backend) => backend.counts()],
    [named("queues", "list"), (backend) => backend.queues()],
    [named("workers", "list"), (backend) => backend.workers()],
    [named("delete", "list"), (backend) => backend.delete("0")],
    [named("prune", "list"), (backend) => backend.prune()],
    [named("pause", "pause"), (backend) => backend.pause("default")],
    [named("resume", "pause"), (backend) => backend.resume("default")],
    [named("retry", "retry", "getResult"), (backend) => backend.retry("0")],
    [named("check"), (backend) => backend.check()],
  ];
}

/** One requirement per method. */
function traitRequirements(
  trait: string,
  promise: string,
  prove: (backend: Backend, call: Call) => Promise<void>,
): readonly Requirement[] {
  const names = calls({ request: () => undefined as never }).map(([name]) => name);
  return names.map(({ method, needs }, index) => ({
    id: `life.${trait}.${method}`,
    sentence: `${method}() ${promise}.`,
    needs,
    test: (t) => prove(t.backend, calls(t)[index]![1]),
  }));
}

async function attempt(backend: Backend, call: Call): Promise<unknown> {
  return call(backend);
}
