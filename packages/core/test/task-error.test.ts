import { runInNewContext } from "node:vm";

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
    traceback: expect.stringMatching(/^TypeError: no such user\n {4}at /),
    ...attempt,
  });
});

it("shows the task's own frames, not with who called it", async () => {
  using _logs = collectLogs();
  const { errors } = await withBackends({ default: new ImmediateBackend() }, () =>
    task({ name: "task-error.throws" }, () => {
      throw new TypeError("no such user", { cause: new Error("no such row") });
    }).enqueue(),
  );
  const { traceback } = errors[0]!;
  expect(traceback.match(/^ {4}at .*task-error\.test/gm)).toHaveLength(2);
  expect(traceback).not.toContain("run-attempt");
  expect(traceback).toMatch(
    /^TypeError: no such user\n {4}at [^\n]*task-error\.test[^\n]*\n\nCaused by: Error: no such row\n/,
  );
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
    "Error: no\n    at send (/app/packages/core/src/mail.ts:3:9)",
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

it("shows the thrown error first and its causes after it", () => {
  const { exceptionClass, traceback } = convert(
    new Error("outer", { cause: new RangeError("inner", { cause: "root" }) }),
  );
  expect(exceptionClass).toBe("Error");
  expect(traceback).toMatch(
    /^Error: outer\n[\s\S]*\n\nCaused by: RangeError: inner\n[\s\S]*\n\nCaused by: string: root$/,
  );
});

it("ends for a cyclic cause and for an endless one", () => {
  const cyclic = new Error("cyclic");
  cyclic.cause = new Error("other", { cause: cyclic });
  expect(convert(cyclic).traceback.match(/^Caused by: /gm)).toHaveLength(1);
  let deep = new Error("root");
  for (let level = 0; level < 1000; level++) deep = new Error(`level ${level}`, { cause: deep });
  expect(convert(deep).traceback.match(/^Caused by: /gm)).toHaveLength(9);
});

describe("an AggregateError", () => {
  it("names its errors in the message, and shows them in the traceback", () => {
    const reasons = ["A: 503", "B: expired", "C: 404", "D: 410"].map((text) => new Error(text));
    const { message, traceback } = convert(new AggregateError(reasons, "All mirrors failed"));
    expect(message).toBe("All mirrors failed: A: 503; B: expired; C: 404; 1 more");
    expect(traceback).toMatch(/^AggregateError: All mirrors failed: A: 503/);
    expect(traceback).toMatch(/\n\nError 4 of 4: Error: D: 410\n {4}at /);
    expect(convert(new AggregateError(reasons.slice(0, 2))).message).toBe("A: 503; B: expired");
  });

  it("is shown as a cause, and with causes of its own errors", () => {
    const inner = new Error("A: 503", { cause: new Error("socket hang up") });
    const { traceback } = convert(new Error("no", { cause: new AggregateError([inner]) }));
    expect(traceback.match(/^(Caused by|Error 1 of 1): \w+: .*$/gm)).toEqual([
      "Caused by: AggregateError: A: 503",
      "Error 1 of 1: Error: A: 503",
      "Caused by: Error: socket hang up",
    ]);
  });

  it("is bounded, whatever it holds", () => {
    const cyclic = new AggregateError([], "cyclic");
    cyclic.errors.push(cyclic, ...Array.from({ length: 2000 }, () => new Error("again")));
    const { traceback } = convert(cyclic);
    expect(traceback.match(/^Error \d+ of/gm)).toHaveLength(9);
  });
});

describe("errors of another realm", () => {
  it("are errors: an engine's own, a class, and as a cause", () => {
    const run = (code: string): unknown =>
      runInNewContext(
        `try { ${code} } catch (error) { error }`,
        {},
        { filename: "user-script.js" },
      );
    expect(convert(run("null.x"))).toMatchObject({
      exceptionClass: "TypeError",
      message: "Cannot read properties of null (reading 'x')",
      traceback: expect.stringMatching(/^TypeError: Cannot read .*\n {4}at user-script\.js:1:/),
    });
    expect(convert(run("class Quota extends Error {} throw new Quota('used up')"))).toMatchObject({
      exceptionClass: "Quota",
      message: "used up",
    });
    const cause = run("null.x");
    expect(convert(new Error("script failed", { cause })).traceback).toContain(
      "\n\nCaused by: TypeError: Cannot read",
    );
    expect(convert(run("throw new AggregateError([new Error('A')])")).message).toBe("A");
  });

  it("are recognised by their shape where the engine did not make them", () => {
    const { message, stack } = new Error("aborted");
    expect(convert({ name: "AbortError", message, stack })).toMatchObject({
      exceptionClass: "AbortError",
      message: "aborted",
    });
  });
});

describe("what is not an error", () => {
  it.each([
    [undefined, "undefined", "undefined"],
    [null, "null", "null"],
    ["text", "string", "text"],
    [42, "number", "42"],
    [Symbol("s"), "symbol", "Symbol(s)"],
    [{ code: 7 }, "Object", "{ code: 7 }"],
    [[1, 2], "Array", "[ 1, 2 ]"],
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
      message: "<ref *1> { self: [Circular *1] }",
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
