import { ImmediateBackend, task, toTaskError, withBackends } from "@tasks/core";
import { describe, expect, it } from "vitest";

import { collectLogs } from "./support/logs.ts";

const attempt = { attempt: 2, workerId: "worker-1", occurredAt: new Date(0) };
const convert = (thrown: unknown) => toTaskError(thrown, attempt);

it("keeps class, message, traceback and the attempt", () => {
  const error = convert(new TypeError("no such user"));
  expect(error).toEqual({
    exceptionClass: "TypeError",
    message: "no such user",
    traceback: expect.stringMatching(/^ {4}at [\s\S]*\nTypeError: no such user$/),
    ...attempt,
  });
});

it("ends the traceback with the task's own frames, not with who called it", async () => {
  using _logs = collectLogs();
  const { errors } = await withBackends({ default: new ImmediateBackend() }, () =>
    task({ name: "task-error.throws" }, () => {
      throw new TypeError("no such user", { cause: new Error("no such row") });
    }).enqueue(),
  );
  const { traceback } = errors[0]!;
  expect(traceback.match(/^ {4}at .*task-error\.test/gm)).toHaveLength(2);
  expect(traceback).not.toContain("run-attempt");
  expect(traceback).toMatch(/\nTypeError: no such user$/);
});

it("keeps the frames of a package of the user's that has our name", () => {
  const thrown = Object.assign(new Error("no"), {
    stack: [
      "Error: no",
      "    at send (/app/packages/core/src/mail.ts:3:9)",
      "    at checked (file:///app/node_modules/@tasks/core/dist/json.js:8:2)",
      "    at runAttempt (file:///app/node_modules/@tasks/core/dist/run-attempt.js:20:5)",
      "    at async QueueWorker.run (file:///app/node_modules/@tasks/core/dist/worker/queue-worker.js:1:1)",
    ].join("\n"),
  });
  expect(convert(thrown).traceback).toBe(
    "    at send (/app/packages/core/src/mail.ts:3:9)\nError: no",
  );
});

it("takes no time over a stack of megabytes", () => {
  const stack = `Error: no\n    at ${"/core".repeat(2_000_000)}`;
  expect(convert(Object.assign(new Error("no"), { stack })).traceback.length).toBeLessThan(65_000);
}, 5000);

it("has no frames when only the framework's own led to the error", async () => {
  using _logs = collectLogs();
  const { errors } = await withBackends({ default: new ImmediateBackend() }, () =>
    task({ name: "task-error.returns" }, () => new Date() as never).enqueue(),
  );
  expect(errors[0]!.traceback).toBe("TypeError: Unsupported type at return value: Date");
});

it("names a class of one's own", () => {
  class PaymentRefused extends Error {}
  expect(convert(new PaymentRefused("no")).exceptionClass).toBe("PaymentRefused");
  expect(convert(Object.assign(new Error("x"), { name: "AbortError" })).exceptionClass).toBe(
    "AbortError",
  );
});

it("shows causes first and the thrown error last", () => {
  const { exceptionClass, traceback } = convert(
    new Error("outer", { cause: new RangeError("inner", { cause: "root" }) }),
  );
  expect(exceptionClass).toBe("Error");
  expect(traceback).toMatch(
    /^string: root\n\nThe above was the cause of:\n\n[\s\S]*RangeError: inner\n\nThe above was the cause of:\n\n[\s\S]*Error: outer$/,
  );
});

it("ends for a cyclic cause and for an endless one", () => {
  const cyclic = new Error("cyclic");
  cyclic.cause = new Error("other", { cause: cyclic });
  expect(convert(cyclic).traceback.match(/The above was the cause of/g)).toHaveLength(1);
  let deep = new Error("root");
  for (let level = 0; level < 1000; level++) deep = new Error(`level ${level}`, { cause: deep });
  expect(convert(deep).traceback.match(/The above was the cause of/g)).toHaveLength(9);
});

describe("what is not an error", () => {
  it.each([
    [undefined, "undefined", "undefined"],
    [null, "null", "null"],
    ["text", "string", "text"],
    [42, "number", "42"],
    [Symbol("s"), "symbol", "Symbol(s)"],
    [{ code: 7 }, "Object", '{"code":7}'],
    [[1, 2], "Array", "[1,2]"],
  ])("%s is kept", (thrown, exceptionClass, message) => {
    expect(convert(thrown)).toMatchObject({
      exceptionClass,
      message,
      traceback: `${exceptionClass}: ${message}`,
    });
  });

  it("is described even when it cannot be written as JSON", () => {
    const cyclic: { self?: unknown } = {};
    cyclic.self = cyclic;
    expect(convert(cyclic)).toMatchObject({
      exceptionClass: "Object",
      message: "The thrown value could not be read.",
    });
  });
});

describe("values that fight back", () => {
  const fail = (): never => {
    throw new Error("trap");
  };
  it.each<[string, unknown]>([
    [
      "a getter for the message that throws",
      Object.defineProperty(new Error("x"), "message", { get: fail }),
    ],
    [
      "a getter for the stack that throws",
      Object.defineProperty(new Error("x"), "stack", { get: fail }),
    ],
    [
      "a getter for the cause that throws",
      Object.defineProperty(new Error("x"), "cause", { get: fail }),
    ],
    [
      "a getter for the name that throws",
      Object.defineProperty(new Error("x"), "name", { get: fail }),
    ],
    [
      "a proxy whose traps throw",
      new Proxy(new Error("x"), { get: fail, getPrototypeOf: fail, has: fail }),
    ],
    ["a toJSON that throws", { toJSON: fail }],
    ["a toString that throws", Object.assign(() => {}, { toString: fail })],
    ["a name that is no text", Object.assign(new Error("x"), { name: 1 })],
    ["a stack that is no text", Object.assign(new Error("x"), { stack: {} })],
  ])("%s", (_what, thrown) => {
    const error = convert(thrown);
    for (const text of [error.exceptionClass, error.message, error.traceback]) {
      expect(text).toBeTypeOf("string");
      expect(text).not.toBe("");
    }
  });
});

describe("texts", () => {
  it("are bounded, however long the message is", () => {
    const { message, traceback, exceptionClass } = convert(new Error("m".repeat(10_000_000)));
    expect(message).toHaveLength(10_000);
    expect(message).toMatch(/… \(cut, 10000000 characters\)$/);
    expect(traceback.length).toBeLessThanOrEqual(64_000);
    expect(exceptionClass).toBe("Error");
    expect(
      convert(Object.assign(new Error("x"), { name: "N".repeat(1000) })).exceptionClass,
    ).toHaveLength(200);
  });

  it("hold no credentials, in message, stack and cause", () => {
    const secret = "postgres://ada:s3cret@db/app";
    const { message, traceback } = convert(
      new Error(`cannot reach ${secret}`, { cause: new Error(secret) }),
    );
    expect(message).toBe("cannot reach postgres://***@db/app");
    expect(traceback).not.toContain("s3cret");
    expect(convert({ url: secret }).message).not.toContain("s3cret");
  });

  it("hold nothing that stores cannot keep", () => {
    expect(convert(new Error("a\0b\uD800")).message).toBe("a\uFFFDb\uFFFD");
  });
});
