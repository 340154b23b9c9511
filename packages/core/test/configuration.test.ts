import {
  configureTasks,
  defaultTaskBackend,
  DummyBackend,
  ImmediateBackend,
  InvalidOption,
  InvalidTaskBackend,
  MemoryBackend,
  task,
  taskBackends,
  withBackends,
  type Backend,
} from "@tasks/core";
import { afterEach, describe, expect, it } from "vitest";

const subject = task({ name: "configuration.subject" }, () => "done");

// Runs first: nothing has configured this process yet.
it("is one ImmediateBackend as long as nothing is configured", async () => {
  const backend = taskBackends.get("default");
  expect(backend).toBeInstanceOf(ImmediateBackend);
  expect(backend.alias).toBe("default");
  expect(backend.queueNames).toEqual(["default"]);
  expect(taskBackends.get("default")).toBe(backend);
  expect(taskBackends.aliases()).toEqual(["default"]);
  expect(taskBackends.all()).toEqual([backend]);
  expect((await subject.enqueue()).returnValue).toBe("done");
});

describe("configureTasks", () => {
  afterEach(() => {
    configureTasks({ backends: { default: new ImmediateBackend() } });
  });

  it("sets the backends of the process; the last call counts", () => {
    const first = new DummyBackend();
    const second = new DummyBackend();
    configureTasks({ backends: { default: first, gone: new DummyBackend() } });
    expect(taskBackends.get("default")).toBe(first);
    configureTasks({ backends: { default: second, emails: () => new DummyBackend() } });
    expect(taskBackends.get("default")).toBe(second);
    expect(taskBackends.aliases()).toEqual(["default", "emails"]);
    expect(taskBackends.all().map(({ alias }) => alias)).toEqual(["default", "emails"]);
    expect(() => taskBackends.get("gone")).toThrow("The connection 'gone' doesn't exist.");
  });

  it("gives a frozen configuration back", () => {
    const nightly = { task: subject, cron: "0 3 * * *" };
    const config = configureTasks({
      backends: { default: new DummyBackend() },
      tasks: ["./src/tasks/**/*.ts"],
      schedules: [nightly],
    });
    expect(config.tasks).toEqual(["./src/tasks/**/*.ts"]);
    expect(config.schedules).toEqual([nightly]);
    expect(config.backends.aliases()).toEqual(["default"]);
    for (const frozen of [config, config.tasks, config.schedules])
      expect(Object.isFrozen(frozen)).toBe(true);
    expect(configureTasks({ backends: {} })).toMatchObject({ tasks: [], schedules: [] });
  });

  it("refuses two schedules of one name", () => {
    const schedules = [
      { task: subject, cron: "* * * * *" },
      { task: subject, cron: "0 * * * *" },
    ];
    expect(() => configureTasks({ backends: {}, schedules })).toThrow(
      new InvalidOption(
        "Two schedules are named 'configuration.subject'. Give one of them another name.",
      ),
    );
    const [first, second] = schedules as [(typeof schedules)[0], (typeof schedules)[0]];
    expect(() =>
      configureTasks({ backends: {}, schedules: [first, { ...second, name: "hourly" }] }),
    ).not.toThrow();
  });

  it("refuses what is neither a backend nor a function", () => {
    for (const source of ["sqlite:./tasks.db", null, {}, 7]) {
      expect(() => configureTasks({ backends: { default: source as unknown as Backend } })).toThrow(
        InvalidTaskBackend,
      );
    }
    expect(() => configureTasks({ backends: { emails: "x" as unknown as Backend } })).toThrow(
      "The backend 'emails' must be a backend or a function that makes one, not string.",
    );
    expect(() => configureTasks({} as { backends: {} })).toThrow(
      new InvalidTaskBackend("backends must be an object of backends by alias."),
    );
  });

  it("closes each backend that was created, and only those, however often it is closed", async () => {
    const closed: string[] = [];
    class Closing extends DummyBackend {
      override async close(): Promise<void> {
        closed.push(this.alias);
      }
    }
    {
      await using config = configureTasks({
        backends: {
          default: new Closing(),
          lazy: () => new Closing(),
          unused: () => new Closing(),
        },
      });
      config.backends.get("default");
      config.backends.get("lazy");
    }
    expect(closed).toEqual(["default", "lazy"]);
  });
});

describe("factories", () => {
  it("are called once, on first use", async () => {
    let calls = 0;
    const factory = () => {
      calls++;
      return new DummyBackend();
    };
    await withBackends({ default: factory, other: factory }, async () => {
      expect(calls).toBe(0);
      await Promise.all(Array.from({ length: 10 }, () => subject.enqueue()));
      expect(taskBackends.get("default")).toBe(taskBackends.get("default"));
      expect(calls).toBe(1);
      expect(taskBackends.get("other")).not.toBe(taskBackends.get("default"));
      expect(calls).toBe(2);
    });
  });

  it("that throw name the alias and the cause, without credentials", async () => {
    const cause = new Error("Cannot find package 'does.not.exist' at postgres://ada:s3cret@db");
    const missing = () => {
      throw cause;
    };
    await withBackends({ missing }, () => {
      const use = () => taskBackends.get("missing");
      expect(use).toThrow(InvalidTaskBackend);
      expect(use).toThrow(
        "Could not find backend 'missing': Cannot find package 'does.not.exist' at postgres://***@db",
      );
      const error: unknown = expect.objectContaining({ cause });
      expect(use).toThrow(error as Error);
    });
  });

  it("that fail once may succeed at the next use", async () => {
    let isUp = false;
    const factory = () => {
      if (!isUp) throw new Error("not yet");
      return new DummyBackend();
    };
    await withBackends({ default: factory }, () => {
      expect(() => taskBackends.get("default")).toThrow("not yet");
      isUp = true;
      expect(taskBackends.get("default")).toBeInstanceOf(DummyBackend);
    });
  });

  it("must give a backend", async () => {
    const promise = (async () => new DummyBackend()) as unknown as () => Backend;
    await withBackends({ default: promise }, () => {
      expect(() => taskBackends.get("default")).toThrow(
        new InvalidTaskBackend(
          "Could not find backend 'default': its function did not return a backend with supports and enqueue().",
        ),
      );
    });
  });
});

describe("withBackends", () => {
  it("gives back what its function gives back, and rejects with what it throws", async () => {
    expect(await withBackends({}, () => 42)).toBe(42);
    expect(await withBackends({}, async () => "later")).toBe("later");
    const error = new Error("no");
    await expect(withBackends({}, () => Promise.reject(error))).rejects.toBe(error);
    await expect(
      withBackends({}, () => {
        throw error;
      }),
    ).rejects.toBe(error);
  });

  it("replaces all aliases inside, and none outside", async () => {
    const outside = taskBackends.get("default");
    await withBackends({ other: new DummyBackend() }, async () => {
      expect(taskBackends.aliases()).toEqual(["other"]);
      await expect(subject.enqueue()).rejects.toThrow(InvalidTaskBackend);
      await withBackends({ default: new MemoryBackend() }, () => {
        expect(taskBackends.get("default")).toBeInstanceOf(MemoryBackend);
      });
      expect(taskBackends.aliases()).toEqual(["other"]);
    });
    expect(taskBackends.get("default")).toBe(outside);
  });

  it("keeps parallel scopes apart", async () => {
    const backends = Array.from({ length: 20 }, () => new DummyBackend());
    await Promise.all(
      backends.map((backend, index) =>
        withBackends({ default: backend }, async () => {
          for (let count = 0; count <= index; count++) {
            await new Promise((resolve) => setImmediate(resolve));
            await subject.enqueue();
          }
        }),
      ),
    );
    expect(backends.map(({ results }) => results.length)).toEqual(
      backends.map((_, index) => index + 1),
    );
  });

  it("reaches what is started inside and goes on afterwards", async () => {
    const backend = new DummyBackend();
    let later: Promise<unknown> | undefined;
    await withBackends({ default: backend }, () => {
      later = new Promise((resolve) => setImmediate(() => resolve(subject.enqueue())));
    });
    await later;
    expect(backend.results).toHaveLength(1);
  });
});

describe("defaultTaskBackend", () => {
  it("stands for whatever is the default where it is used", async () => {
    const dummy = new DummyBackend({ queues: ["a"] });
    await withBackends({ default: dummy }, async () => {
      await subject.using({ queueName: "a" }).enqueue();
      expect(defaultTaskBackend.queueNames).toEqual(["a"]);
      expect(defaultTaskBackend).toBeInstanceOf(DummyBackend);
      expect("clear" in defaultTaskBackend).toBe(true);
      expect((await defaultTaskBackend.list()).results).toHaveLength(1);
    });
    await withBackends({ default: new ImmediateBackend() }, () => {
      expect(defaultTaskBackend).toBeInstanceOf(ImmediateBackend);
    });
    await withBackends({}, () => {
      expect(() => defaultTaskBackend.supports).toThrow(InvalidTaskBackend);
    });
  });
});
