import { InvalidTask, task, type TaskOptions, type UsingOptions } from "@tasks/core";
import { describe, expect, it } from "vitest";

const define = (options: object) => () =>
  task(
    { name: "task-options.subject", ...(options as TaskOptions<never>) } as { name: string },
    () => null,
  );
const subject = task({ name: "task-options.using" }, () => null);
const using = (options: object) => () => subject.using(options as UsingOptions);

describe("names", () => {
  it.each(["a", "_a", "sendEmail", "emails.send:v2", "a-b", `a${"b".repeat(127)}`])(
    "%s is valid",
    (name) => {
      expect(task({ name }, () => null).name).toBe(name);
    },
  );

  it.each([
    "1a",
    ".a",
    "-a",
    "a b",
    "a/b",
    "ä",
    "a\n",
    "../etc",
    "{a}",
    `a${"b".repeat(128)}`,
    "a'; --",
    "\u202Ea",
  ])("%j is not", (name) => {
    expect(define({ name })).toThrow(InvalidTask);
    expect(define({ name })).toThrow(/^Task name ".*" is not valid\. Use 1 to 128 letters/s);
  });

  it("must be text", () => {
    expect(define({ name: 42 })).toThrow("Task name 42 is not valid.");
    expect(define({ name: null })).toThrow("Task name null is not valid.");
  });

  it("are shown cut", () => {
    expect(define({ name: "?".repeat(10_000) })).toThrow(/^.{1,400}$/);
  });
});

describe("queue names", () => {
  it.each(["a", "0", "_", "high.priority-1", "q".repeat(64)])("%s is valid", (queueName) => {
    expect(using({ queueName })().queueName).toBe(queueName);
  });

  it.each(["", ".a", "-a", "a b", "a:b", "{a}", "*", "ä", "a\n", "q".repeat(65), 7, null])(
    "%j is not",
    (queueName) => {
      for (const change of [define({ queueName }), using({ queueName })]) {
        expect(change).toThrow(InvalidTask);
        expect(change).toThrow(/^Queue name .* is not valid\. Use 1 to 64 letters/s);
      }
    },
  );
});

describe("priorities", () => {
  it.each([-100, -1, 0, 100])("%d is valid", (priority) => {
    expect(using({ priority })().priority).toBe(priority);
  });

  it.each([-101, 101, 3.1, Number.NaN, Number.POSITIVE_INFINITY, "5", null, true])(
    "%s is not",
    (priority) => {
      const error = new InvalidTask("priority must be a whole number between -100 and 100.");
      expect(define({ priority })).toThrow(error);
      expect(using({ priority })).toThrow(error);
    },
  );
});

describe("metadata", () => {
  it("is a JSON object, copied and frozen", () => {
    const metadata = { trace: { id: "1" } };
    const defined = task({ name: "task-options.metadata", metadata }, () => null);
    metadata.trace.id = "2";
    expect(defined.metadata).toEqual({ trace: { id: "1" } });
    expect(Object.isFrozen(defined.metadata)).toBe(true);
  });

  it("is set on the copy only, survives further copies, and is cleared by {}", () => {
    const withMetadata = subject.using({ metadata: { a: 1 } });
    expect(subject.metadata).toEqual({});
    expect(withMetadata.using({ priority: 1 }).metadata).toEqual({ a: 1 });
    expect(withMetadata.using({ metadata: {} }).metadata).toEqual({});
  });

  it.each([
    ["text", 'metadata must be an object, not "text".'],
    [[1], "metadata must be an object, not an array."],
    [null, "metadata must be an object, not null."],
    [new Map(), "metadata must be JSON: Unsupported type at metadata: Map"],
    [{ at: new Date() }, "metadata must be JSON: Unsupported type at metadata.at: Date"],
    [{ [Symbol("key")]: 1 }, "metadata must be JSON: Unsupported type at metadata: symbol key"],
  ])("%o is refused with a message of its own", (metadata, message) => {
    expect(define({ metadata: metadata ?? "null" })).toThrow(InvalidTask);
    expect(using({ metadata })).toThrow(new InvalidTask(message));
  });
});

describe("the other options", () => {
  it.each([
    [{ backend: "" }, 'backend must be a non-empty string, not "".'],
    [{ backend: 7 }, "backend must be a non-empty string, not 7."],
    [{ maxAttempts: 0 }, "maxAttempts must be a whole number between 1 and 1000000, not 0."],
    [{ maxAttempts: 1.5 }, "maxAttempts must be a whole number between 1 and 1000000, not 1.5."],
    [{ maxLost: -1 }, "maxLost must be a whole number between 0 and 1000000, not -1."],
    [{ timeoutMs: 0 }, "timeoutMs must be a whole number between 1 and 2147483647, not 0."],
    [
      { timeoutMs: 2 ** 31 },
      "timeoutMs must be a whole number between 1 and 2147483647, not 2147483648.",
    ],
    [
      { concurrency: { limit: 0 } },
      "concurrency.limit must be a whole number between 1 and 1000000, not 0.",
    ],
    [
      { concurrency: { limit: 1, key: "id" } },
      'concurrency.key must be a function that returns a string, not "id".',
    ],
    [
      { unique: { scope: "for-ever" } },
      'unique.scope must be "until-started" or "until-finished", not "for-ever".',
    ],
    [
      { unique: { scope: null } },
      'unique.scope must be "until-started" or "until-finished", not null.',
    ],
    [
      { unique: { scope: { windowMs: 0 } } },
      "unique.scope.windowMs must be a whole number between 1 and 9007199254740991, not 0.",
    ],
    [
      { unique: { scope: "until-started", onConflict: "replace" } },
      'unique.onConflict must be "return-existing" or "reject", not "replace".',
    ],
    [
      { unique: { scope: "until-started", key: "id" } },
      'unique.key must be a function that returns a string, not "id".',
    ],
    [
      { input: {} },
      "input must be a Standard Schema, such as one of zod, valibot or arktype, not an object.",
    ],
    [
      { input: "string" },
      'input must be a Standard Schema, such as one of zod, valibot or arktype, not "string".',
    ],
  ])("%j is refused", (options, message) => {
    expect(define(options)).toThrow(new InvalidTask(message));
  });

  it("that nobody knows are refused, with those there are", () => {
    expect(define({ maxAttempt: 3 })).toThrow(
      new TypeError(
        'task() does not know the option "maxAttempt". Did you mean "maxAttempts"? It takes: name, queueName, priority, backend, takesContext, input, ' +
          "maxAttempts, backoff, maxLost, timeoutMs, unique, concurrency, metadata.",
      ),
    );
    expect(using({ maxAttempts: 3 })).toThrow(
      new TypeError(
        'using() does not know the option "maxAttempts". It takes: priority, queueName, runAfter, backend, metadata, id, transaction.',
      ),
    );
  });

  it.each([
    [
      { backoff: { delay: 5 } },
      'backoff does not know the option "delay". Did you mean "delayMs"?',
    ],
    [
      { unique: { scope: "until-started", onConflit: "reject" } },
      'unique does not know the option "onConflit". Did you mean "onConflict"?',
    ],
    [
      { concurrency: { limit: 1, keys: () => "" } },
      'concurrency does not know the option "keys". Did you mean "key"?',
    ],
  ])("that nobody knows are refused inside of others too: %j", (options, message) => {
    expect(define(options)).toThrow(TypeError);
    expect(define(options)).toThrow(message);
  });

  it("cannot defer a task once and for all", () => {
    for (const runAfter of [new Date(), undefined]) {
      expect(define({ runAfter })).toThrow(
        new TypeError(
          "runAfter cannot be defined statically on a task. Use .using({ runAfter }) when you enqueue it.",
        ),
      );
    }
  });
});
