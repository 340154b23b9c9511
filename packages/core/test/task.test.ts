import {
  currentTask,
  DummyBackend,
  ImmediateBackend,
  InvalidTask,
  InvalidTaskBackend,
  registeredTasks,
  task,
  Task,
  TaskResultDoesNotExist,
  TaskResultMismatch,
  withBackends,
} from "@tasks/core";
import { describe, expect, it } from "vitest";

describe("defining", () => {
  it("works bare, with options, and for functions that are async or not", () => {
    const bare = task(function bareFunction() {});
    const options = task({ name: "task.options" }, () => {});
    const async = task(async function asyncFunction() {});
    const arrow = task({}, async function named() {});
    for (const defined of [bare, options, async, arrow]) expect(defined).toBeInstanceOf(Task);
    expect([bare, options, async, arrow].map(({ name }) => name)).toEqual([
      "bareFunction",
      "task.options",
      "asyncFunction",
      "named",
    ]);
  });

  it("applies the defaults", () => {
    const defined = task({ name: "task.defaults" }, () => {});
    expect(defined).toMatchObject({
      queueName: "default",
      priority: 0,
      backend: "default",
      runAfter: null,
      takesContext: false,
      metadata: {},
    });
    expect(defined.settings).toMatchObject({
      input: null,
      maxAttempts: 1,
      backoff: {},
      maxLost: 3,
      timeoutMs: null,
      unique: null,
      concurrency: null,
      transaction: null,
    });
  });

  it("takes an option that is undefined for one that is not given", () => {
    const defined = task(
      { name: "task.undefined", priority: undefined, maxAttempts: undefined },
      () => {},
    );
    expect(defined.settings).toMatchObject({ priority: 0, maxAttempts: 1 });
  });

  it("gives a frozen task that cannot be called", () => {
    const defined = task({ name: "task.frozen" }, () => {});
    expect(Object.isFrozen(defined)).toBe(true);
    expect(Object.isFrozen(defined.settings)).toBe(true);
    expect(defined).not.toBeTypeOf("function");
    expect(() => Object.assign(defined.settings, { priority: 9 })).toThrow(TypeError);
  });

  it("registers the task by its name", () => {
    const defined = task({ name: "task.registered" }, () => {});
    expect(registeredTasks().get("task.registered")).toBe(defined);
    expect(registeredTasks().get("constructor")).toBeUndefined();
    expect(registeredTasks().get("__proto__")).toBeUndefined();
  });

  it("refuses a name that another function has, and takes the same function again", () => {
    const fn = () => {};
    task({ name: "task.taken" }, fn);
    expect(task({ name: "task.taken", priority: 5 }, fn).priority).toBe(5);
    expect(registeredTasks().get("task.taken")?.priority).toBe(5);
    expect(() => task({ name: "task.taken" }, () => {})).toThrow(
      new InvalidTask(
        "A task named 'task.taken' is already defined by another function. Give one of them another name.",
      ),
    );
  });

  it("refuses a function without a name", () => {
    expect(() => task(() => {})).toThrow(
      new InvalidTask('A task needs a name: use a named function, or task({ name: "…" }, fn).'),
    );
  });

  it("refuses a bound function, whose name is no name of its own", () => {
    expect(() => task(function greet() {}.bind(null))).toThrow(
      'Task name "bound greet" is not valid.',
    );
  });

  it("refuses what is no function", () => {
    const define = task as (...args: unknown[]) => unknown;
    for (const fn of [undefined, null, {}, "greet"]) {
      expect(() => define({ name: "task.nothing" }, fn)).toThrow(
        new InvalidTask('A task needs a function: task(fn) or task({ name: "…" }, fn).'),
      );
    }
  });
});

describe("a task that takes the context", () => {
  const methods = { none() {}, async asyncNone() {} };
  it.each<[string, () => unknown]>([
    ["an arrow function", () => {}],
    ["an async arrow function", async () => {}],
    ["a function", function none() {}],
    ["an async function", async function none() {}],
    ["a method", Reflect.get(methods, "none")],
    ["an async method", Reflect.get(methods, "asyncNone")],
  ])("needs a parameter for it: %s without one is refused", (_kind, fn) => {
    expect(() =>
      task(
        { name: "task.no-context", takesContext: true },
        fn as unknown as (context: unknown) => void,
      ),
    ).toThrow(
      new InvalidTask("Task takes context but does not have a first argument of 'context'."),
    );
  });

  it.each<[string, (context: unknown) => unknown]>([
    ["a rest parameter", (...rest) => rest],
    ["a default", (context = null) => context],
    ["destructuring", async ({ attempt }: any) => attempt],
    ["a single name", (context) => context],
  ])("may receive it by %s", (kind, fn) => {
    expect(
      task({ name: `task.context-${kind.replaceAll(" ", "-")}`, takesContext: true }, fn)
        .takesContext,
    ).toBe(true);
  });
});

describe("using", () => {
  const subject = task({ name: "task.using", metadata: { a: 1 } }, () => {});

  it("gives a changed copy and leaves the task as it is", () => {
    const runAfter = new Date();
    expect(subject.using({ priority: 1 }).priority).toBe(1);
    expect(subject.using({ queueName: "queue_1" }).queueName).toBe("queue_1");
    expect(subject.using({ runAfter }).runAfter).toEqual(runAfter);
    expect(subject.using({ backend: "other" }).backend).toBe("other");
    expect(subject.using({ metadata: { b: 2 } }).metadata).toEqual({ b: 2 });
    expect(subject).toMatchObject({
      priority: 0,
      queueName: "default",
      runAfter: null,
      backend: "default",
      metadata: { a: 1 },
    });
  });

  it("gives an equal but different task when nothing changes", () => {
    const copy = subject.using({});
    expect(copy).not.toBe(subject);
    expect(copy).toEqual(subject);
    expect(Object.isFrozen(copy)).toBe(true);
  });

  it("adds up when it is chained", () => {
    const runAfter = new Date();
    const deferred = subject.using({ runAfter });
    const both = deferred.using({ priority: 10 });
    expect(both).toMatchObject({ runAfter, priority: 10 });
    expect(deferred.priority).toBe(0);
    expect(both.using({ runAfter: null })).toMatchObject({ runAfter: null, priority: 10 });
    expect(both.using({ runAfter: undefined, priority: undefined })).toMatchObject({
      runAfter,
      priority: 10,
    });
  });

  it("does not register the copy", () => {
    subject.using({ priority: 7 });
    expect(registeredTasks().get("task.using")).toBe(subject);
  });

  it("keeps and resets a transaction", () => {
    const transaction = { commit: () => {} };
    expect(subject.using({ transaction }).settings.transaction).toBe(transaction);
    expect(subject.using({ transaction }).using({ priority: 1 }).settings.transaction).toBe(
      transaction,
    );
    expect(
      subject.using({ transaction }).using({ transaction: null }).settings.transaction,
    ).toBeNull();
  });
});

describe("its backend", () => {
  const subject = task({ name: "task.backend" }, () => "done");

  it("is the one its alias stands for", async () => {
    const dummy = new DummyBackend();
    const immediate = new ImmediateBackend();
    await withBackends({ default: dummy, immediate }, () => {
      expect(subject.backend).toBe("default");
      expect(subject.getBackend()).toBe(dummy);
      expect(subject.using({ backend: "immediate" }).backend).toBe("immediate");
      expect(subject.using({ backend: "immediate" }).getBackend()).toBe(immediate);
    });
  });

  it("must exist", async () => {
    await withBackends({ default: new DummyBackend() }, async () => {
      const unknown = subject.using({ backend: "unknown" });
      const error = new InvalidTaskBackend("The connection 'unknown' doesn't exist.");
      expect(() => unknown.getBackend()).toThrow(error);
      await expect(unknown.enqueue()).rejects.toThrow(error);
      await expect(unknown.enqueueMany([[]])).rejects.toThrow(error);
      await expect(unknown.getResult("123")).rejects.toThrow(error);
      expect(subject.backend).toBe("default");
    });
    await withBackends({}, async () => {
      await expect(subject.enqueue()).rejects.toThrow(InvalidTaskBackend);
    });
  });
});

describe("enqueueing", () => {
  const subject = task({ name: "task.enqueue" }, (name: string) => name);

  it("stores the call and gives its result", async () => {
    const dummy = new DummyBackend();
    await withBackends({ default: dummy }, async () => {
      const result = await subject.enqueue("Ada");
      expect(result).toMatchObject({
        status: "READY",
        args: ["Ada"],
        backend: "default",
        taskName: "task.enqueue",
      });
      expect(result.task).toEqual(subject);
      expect(dummy.results).toHaveLength(1);
      expect(dummy.results[0]?.equals(result)).toBe(true);
    });
  });

  it("is called delay, too", async () => {
    const dummy = new DummyBackend();
    await withBackends({ default: dummy }, () => subject.delay("Grace"));
    expect(dummy.results.map(({ args }) => args)).toEqual([["Grace"]]);
  });
});

describe("getResult", () => {
  const subject = task({ name: "task.get-result" }, () => null);
  const other = task({ name: "task.get-result-other" }, () => null);

  it("finds results of this task, and only of this task", async () => {
    await withBackends({ default: new DummyBackend() }, async () => {
      const { id } = await subject.enqueue();
      expect((await subject.getResult(id)).id).toBe(id);
      await expect(other.getResult(id)).rejects.toThrow(new TaskResultMismatch("task.get-result"));
      await expect(subject.getResult("123")).rejects.toThrow(TaskResultDoesNotExist);
    });
  });
});

describe("call", () => {
  it("runs the function here and now, without any backend", async () => {
    await withBackends({}, async () => {
      const add = task({ name: "task.call" }, (a: number, b: number) => a + b);
      const nothing = task({ name: "task.call-async" }, async () => {});
      expect(await add.call(1, 2)).toBe(3);
      expect(await nothing.call()).toBeUndefined();
    });
  });

  it("rejects with what the function throws", async () => {
    const failing = task({ name: "task.call-failing" }, () => {
      throw new RangeError("no");
    });
    await expect(failing.call()).rejects.toThrow(new RangeError("no"));
  });

  it("gives a context of its own to a task that takes one", async () => {
    const contextual = task(
      { name: "task.call-context", takesContext: true },
      async (context, a: number) => {
        await context.setProgress({ half: true });
        context.log.info("on the way");
        context.metadata["seen"] = true;
        await context.saveMetadata();
        return [
          context.attempt,
          context.taskResult.status,
          context.taskResult.args,
          context.signal.aborted,
          currentTask() === context,
          a,
        ];
      },
    );
    expect(await contextual.call(7)).toEqual([1, "RUNNING", [7], false, true, 7]);
    expect(currentTask()).toBeUndefined();
  });
});
