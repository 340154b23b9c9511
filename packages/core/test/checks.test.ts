import {
  checkTasks,
  DummyBackend,
  ImmediateBackend,
  MemoryBackend,
  NotSupported,
  task,
  withBackends,
  type CheckMessage,
} from "@tasks/core";
import { expect, it } from "vitest";

class Talkative extends DummyBackend {
  override async check(): Promise<readonly CheckMessage[]> {
    return [{ level: "warning", id: "tasks.test.W001", text: "Low on space.", hint: null }];
  }
}

// One after the other: the registry belongs to the whole file.
it("finds nothing wrong with backends that fit every task", async () => {
  task({ name: "checks.plain" }, () => null);
  const all = {
    default: new DummyBackend(),
    memory: new MemoryBackend(),
    now: new ImmediateBackend(),
  };
  expect(await withBackends(all, () => checkTasks())).toEqual([]);
});

it("collects what the backends find", async () => {
  expect(
    await withBackends({ default: new Talkative(), other: new Talkative() }, () => checkTasks()),
  ).toHaveLength(2);
});

it("asks about the store of a backend that could not be checked, without credentials", async () => {
  class Unreachable extends DummyBackend {
    override async check(): Promise<never> {
      throw new Error("cannot reach redis://u:s3cret@host");
    }
  }
  expect(await withBackends({ default: new Unreachable() }, () => checkTasks())).toEqual([
    {
      level: "error",
      id: "tasks.E001",
      text: "Backend 'default' could not be checked: cannot reach redis://***@host",
      hint: "Is its store running and its address right?",
    },
  ]);
});

it("leaves it at what a backend says that cannot work here at all", async () => {
  class Driverless extends DummyBackend {
    override async check(): Promise<never> {
      throw new NotSupported("acme: urls need the package acme: npm install acme.");
    }
  }
  expect(await withBackends({ default: new Driverless() }, () => checkTasks())).toEqual([
    {
      level: "error",
      id: "tasks.E001",
      text: "Backend 'default' could not be checked: acme: urls need the package acme: npm install acme.",
      hint: null,
    },
  ]);
});

it("reports tasks that their backend cannot take, and tasks whose backend does not exist", async () => {
  task({ name: "checks.limited", concurrency: { limit: 1 } }, () => null);
  task({ name: "checks.elsewhere", backend: "elsewhere" }, () => null);
  const messages = await withBackends({ default: new ImmediateBackend() }, () => checkTasks());
  expect(messages).toEqual([
    {
      level: "error",
      id: "tasks.E002",
      text: "Task 'checks.limited' cannot be enqueued on backend 'default': Backend does not support concurrency limits (concurrency).",
      hint: "Change the task's options, or give it a backend that can.",
    },
    {
      level: "error",
      id: "tasks.E003",
      text: "Task 'checks.elsewhere' names backend 'elsewhere': The connection 'elsewhere' doesn't exist.",
      hint: "Add the alias to the backends in configureTasks(). It has: default.",
    },
  ]);
});

it("reports a backend that cannot be made once, whatever tasks it has, and without credentials", async () => {
  task({ name: "checks.broken", backend: "broken" }, () => null);
  const broken = () => {
    throw new Error("cannot reach redis://u:s3cret@host");
  };
  const messages = await withBackends({ default: new DummyBackend(), broken }, () => checkTasks());
  expect(messages.filter(({ text }) => text.includes("broken"))).toEqual([
    {
      level: "error",
      id: "tasks.E001",
      text: "Backend 'broken' could not be checked: Could not find backend 'broken': cannot reach redis://***@host",
      hint: null,
    },
  ]);
});
