import assert from "node:assert/strict";

import { PayloadTooLarge, type JsonValue, type TaskResult } from "@tasks/core";

import type { Requirement } from "../requirement.ts";
import type { Scope } from "../scope.ts";

const TEXTS: Readonly<Record<string, string>> = {
  empty: "",
  quotes: `'"\`\\ ''; DROP TABLE tasks; -- $1 ? :name %s {{x}}`,
  "control characters": "\u0001\u0008\t\n\r\u001B[31m\u007F\u0085\u2028\u2029",
  "right to left": "\u202Egnp.exe\u202C שלום",
  emoji: "👩‍👩‍👧‍👦 🏳️‍🌈 \u{10FFFF}",
  "combining marks": "Z\u0351\u036B\u0343\u036A\u0302 a\u0308 ä",
  json: '{"a":[1,2,{"b":null}]}',
  number: "1e400",
  whitespace: "  leading and trailing  \n",
};

/** Data meant to break things. */
export const hostileRequirements: readonly Requirement[] = [
  ...Object.entries(TEXTS).map(([name, text]) =>
    roundTrip(`text.${name.replaceAll(" ", "-")}`, `Texts of the kind “${name}”`, [
      text,
      { [text]: text },
    ]),
  ),
  roundTrip("numbers", "Numbers at the edges", [
    0,
    -1,
    1.5,
    0.1,
    1e23,
    1e-7,
    5e-324,
    Number.MAX_SAFE_INTEGER,
    Number.MIN_SAFE_INTEGER,
    Number.MAX_VALUE,
    2 ** 53 + 2,
    2 ** 53 + 4,
    1.2345678901234567e19,
  ]),
  roundTrip("types", "All kinds of JSON values", [
    [null, true, false, 0, "", [], {}, [[]], [{}], { a: null }, [null]],
    { "": "", " ": 0, "a.b": 1, "a[0]": 2, "0": 3, length: 4 },
  ]),
  roundTrip("prototype-keys", "Keys such as `__proto__`, as data,", [
    JSON.parse(
      '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}',
    ) as JsonValue,
    JSON.parse('[{"__proto__":[{"__proto__":null}]}]') as JsonValue,
    JSON.parse('{"hasOwnProperty":1,"toString":2,"valueOf":3,"toJSON":4,"then":5}') as JsonValue,
  ]),
  roundTrip("deep", "Values nested 400 deep", [nested(400)]),
  roundTrip("many-keys", "Objects of ten thousand keys", [
    Object.fromEntries(Array.from({ length: 10_000 }, (_, n) => [`key${n}`, n])),
  ]),
  roundTrip("key-order", "Keys in their order", [{ b: 1, a: 2, c: { z: 1, y: 2 } }]),
  {
    id: "hostile.prototype-unharmed",
    sentence: "Hostile keys in arguments, metadata and return values reach no prototype.",
    needs: ["execution"],
    test: async (t) => {
      const hostile = JSON.parse('{"__proto__":{"polluted":1}}') as object;
      let task = t.task((value: unknown) => value);
      if (t.supports.metadata) task = task.using({ metadata: hostile });
      const result = await t.run(task, hostile);
      JSON.stringify(result.toJSON());
      assert.equal(({} as { polluted?: number }).polluted, undefined);
    },
  },
  {
    id: "hostile.payload-at-the-limit",
    sentence: "Arguments of exactly maxPayloadBytes are accepted and come back whole.",
    needs: ["getResult"],
    test: async (t) => {
      // ["…"] takes four bytes around the text.
      const text = "x".repeat(t.supports.maxPayloadBytes - 4);
      const task = t.task((_text: string) => null);
      const { id } = await task.enqueue(text);
      const read = await task.getResult(id);
      assert.ok(read.args[0] === text, "the text came back whole");
    },
  },
  {
    id: "hostile.payload-above-the-limit",
    sentence: "One byte more is PayloadTooLarge, which names the limit, and stores nothing.",
    needs: [],
    test: async (t) => {
      const { maxPayloadBytes } = t.supports;
      const task = t.task((_text: string) => null);
      await t.assertRefused(task, () => task.enqueue("x".repeat(maxPayloadBytes - 3)), {
        name: PayloadTooLarge.name,
        message: new RegExp(String(maxPayloadBytes)),
      });
    },
  },
  {
    id: "hostile.payload-counts-bytes",
    sentence: "The limit counts bytes of UTF-8, not characters.",
    needs: [],
    test: async (t) => {
      const task = t.task((_text: string) => null);
      const text = "é".repeat(Math.ceil(t.supports.maxPayloadBytes / 2));
      await t.assertRefused(task, () => task.enqueue(text), {
        name: PayloadTooLarge.name,
        message: /bytes/,
      });
    },
  },
  {
    id: "hostile.large-return-value",
    sentence: "A return value of half the limit comes back whole.",
    needs: ["execution"],
    test: async (t) => {
      const text = "é".repeat(Math.floor(t.supports.maxPayloadBytes / 4));
      const result = await t.run(t.task(() => text));
      assert.ok(result.returnValue === text, "the text came back whole");
    },
  },
  {
    id: "hostile.long-names",
    sentence: "A task name of 128 characters and a queue name of 64 are kept whole.",
    needs: ["getResult", "queues"],
    test: async (t) => {
      const name = `${t.name()}.`.padEnd(128, "n");
      const queueName = "q".repeat(64);
      const task = t.task({ name, queueName }, () => null);
      const { id } = await task.enqueue();
      const read = await t.backend.getResult(id);
      assert.deepEqual([read.taskName, read.queueName], [name, queueName]);
    },
  },
  throws("nul", "whose message holds U+0000", () => new Error("nul \u0000 here"), {
    message: /nul . here/,
    upstream: ["C6"],
  }),
  throws(
    "lone-surrogate",
    "whose message holds half a character",
    () => new Error("half \uD800 here"),
    {
      message: /half . here/,
    },
  ),
  throws("emoji", "whose message holds emoji", () => new Error("no 🎉"), { message: /^no 🎉$/ }),
  throws("huge-message", "with a message of 10 MB", () => new Error("x".repeat(10_000_000)), {
    message: /^x+/,
  }),
  throws("huge-stack", "with a stack of 10 MB", () => withStack("x".repeat(10_000_000)), {
    message: /^stacked$/,
  }),
  throws("empty-message", "with an empty message", () => new Error(""), { message: /^$/ }),
  throws("cyclic-cause", "that is its own cause", () => cyclicError(), { message: /^cyclic$/ }),
  throws("deep-cause", "with a thousand causes", () => deepError(1000), {
    message: /^level 1000$/,
  }),
  throws("throwing-getters", "whose properties throw when read", () => trappedError(), {
    message: /./,
  }),
  throws("proxy", "that is a proxy which throws at everything", () => hostileProxy(), {
    message: /./,
  }),
  throws("null", "that is null", () => null, { message: /^null$/ }),
  throws("undefined", "that is undefined", () => undefined, { message: /^undefined$/ }),
  throws("text", "that is a text", () => "just text", { message: /^just text$/ }),
  throws("number", "that is a number", () => 42, { message: /^42$/ }),
  throws("object", "that is a plain object", () => ({ code: 1 }), { message: /code/ }),
  throws("cyclic-object", "that is a cyclic object", () => cyclicObject(), { message: /./ }),
  throws("symbol", "that is a symbol", () => Symbol("s"), { message: /./ }),
  throws(
    "credentials",
    "whose message holds an address with a password, which is blanked,",
    () => new Error("cannot reach postgres://admin:hunter2@db/tasks"),
    { message: /postgres:\/\/(?!.*hunter2)/ },
  ),
];

/** Arguments, and where tasks run the return value, come back as they were. */
function roundTrip(name: string, what: string, values: readonly JsonValue[]): Requirement {
  return {
    id: `hostile.${name}`,
    sentence: `${what} come back as they were, as arguments and as return values.`,
    needs: [],
    test: async (t) => {
      const task = t.task((...args: unknown[]) => args as never);
      const result = await task.enqueue(...values);
      assertSame(result.args, values);
      if (t.supports.getResult) assertSame((await task.getResult(result.id)).args, values);
      if (!t.offers.has("execution")) return;
      await finishIfKept(t, result);
      if (result.isFinished) assertSame(result.returnValue, values);
    },
  };
}

async function finishIfKept(t: Scope, result: TaskResult): Promise<void> {
  if (t.supports.getResult) await t.finish(result);
}

/** Compared as text as well: the order of keys counts, and `__proto__` as an own key. */
function assertSame(actual: unknown, expected: unknown): void {
  assert.equal(JSON.stringify(actual), JSON.stringify(expected));
}

function throws(
  name: string,
  what: string,
  make: () => unknown,
  expected: { readonly message: RegExp; readonly upstream?: readonly string[] },
): Requirement {
  return {
    id: `hostile.error.${name}`,
    sentence: `An error ${what} is recorded, and its worker continues.`,
    needs: ["execution"],
    upstream: expected.upstream,
    test: async (t) => {
      const task = t.task(() => {
        throw make();
      });
      const result = await t.run(task);
      assert.equal(result.status, "FAILED");
      assert.equal(result.errors.length, 1);
      const { exceptionClass, message, traceback } = result.errors[0]!;
      assert.match(message, expected.message);
      assert.ok(exceptionClass.length > 0 && exceptionClass.length <= 200);
      assert.ok(message.length + traceback.length < 200_000, "long texts are cut");
      assert.doesNotMatch(traceback, /hunter2/);
      assert.equal((await t.run(t.task(() => 1))).status, "SUCCESSFUL");
    },
  };
}

function nested(depth: number): JsonValue {
  let value: JsonValue = "bottom";
  for (let n = 0; n < depth; n++) value = n % 2 === 0 ? [value] : { a: value };
  return value;
}

function withStack(stack: string): Error {
  return Object.assign(new Error("stacked"), { stack: `Error: stacked\n    at ${stack}` });
}

function cyclicError(): Error {
  const error = new Error("cyclic");
  error.cause = error;
  return error;
}

function deepError(levels: number): Error {
  let error = new Error("level 0");
  for (let n = 1; n <= levels; n++) error = new Error(`level ${n}`, { cause: error });
  return error;
}

function trappedError(): Error {
  const trap = {
    get: (): never => {
      throw new Error("trapped");
    },
  };
  return Object.defineProperties(new Error("never seen"), {
    name: trap,
    message: trap,
    stack: trap,
    cause: trap,
  });
}

function hostileProxy(): object {
  const trap = (): never => {
    throw new Error("trapped");
  };
  return new Proxy({}, { get: trap, has: trap, ownKeys: trap, getPrototypeOf: trap });
}

function cyclicObject(): object {
  const object: { self?: object } = {};
  object.self = object;
  return object;
}
