import * as core from "@tasks/core";
import { describe, expect, it } from "vitest";

const { InvalidTask, TasksError, NotSupported } = core;

describe("TasksError.is", () => {
  it("recognises its own errors, and by the class it is called on", () => {
    const error = new InvalidTask("no");
    expect(TasksError.is(error)).toBe(true);
    expect(InvalidTask.is(error)).toBe(true);
    expect(NotSupported.is(error)).toBe(false);
  });

  it("recognises errors of a second copy of the package, by name and code", () => {
    const foreign = Object.assign(new Error("no"), {
      name: "InvalidTask",
      code: "TASKS_INVALID_TASK",
    });
    expect(foreign).not.toBeInstanceOf(InvalidTask);
    expect(TasksError.is(foreign)).toBe(true);
    expect(InvalidTask.is(foreign)).toBe(true);
  });

  it.each([
    null,
    undefined,
    "TASKS_X",
    { code: "TASKS_X" },
    new Error("x"),
    Object.assign(new Error("x"), { code: "ENOENT" }),
    Object.assign(new Error("x"), { code: 1 }),
  ])("does not take %s for one", (value) => {
    expect(TasksError.is(value)).toBe(false);
  });

  it("never throws, whatever it is given", () => {
    const hostile = new Proxy(new Error("x"), {
      getPrototypeOf: () => {
        throw new Error("no prototype");
      },
    });
    expect(TasksError.is(hostile)).toBe(false);
  });
});

it("gives every error class a name of its own, a code and its cause", () => {
  const cause = new Error("why");
  const classes = Object.entries(core).filter(
    ([, value]) =>
      typeof value === "function" && Object.prototype.isPrototypeOf.call(TasksError, value),
  ) as [string, new (...args: unknown[]) => InstanceType<typeof TasksError>][];
  expect(classes.length).toBeGreaterThanOrEqual(19);
  for (const [name, Class] of classes) {
    const delayed = name === "RetryTask" || name === "SnoozeTask";
    const error = delayed ? new Class({ delayMs: 1, cause }) : new Class("a", "b");
    expect(error.name).toBe(name);
    expect(error.code).toMatch(/^TASKS_[A-Z_]+$/);
    expect(error).toBeInstanceOf(Error);
  }
  expect(new InvalidTask("no", { cause }).cause).toBe(cause);
});

it("says the value and what to do", () => {
  expect(new core.TaskResultMismatch("other").message).toBe(
    "Task does not match (received 'other')",
  );
  expect(new core.TaskResultDoesNotExist("123").message).toContain("'123'");
  expect(new core.TaskDoesNotExist("gone").message).toBe(
    "Task 'gone' is not registered in this process. Import the module that defines it.",
  );
  expect(new core.DuplicateTask("greet", "id-1")).toMatchObject({
    existingId: "id-1",
    message: "Task 'greet' is unique and already enqueued as 'id-1'.",
  });
  expect(new core.WaitTimeout("id-1", 50).message).toContain("within 50 ms");
});
