import { runInNewContext } from "node:vm";

import { encodeJson, normalizeJson, PayloadTooLarge } from "@tasks/core";
import { describe, expect, it } from "vitest";

const MIB = 1_048_576;

describe("what JSON can carry", () => {
  it.each([
    [null, null],
    [true, true],
    [42, 42],
    [1e23 + 1, 1e23],
    [Number.MAX_SAFE_INTEGER, 9_007_199_254_740_991],
    ["text", "text"],
    ["𝄞 ü", "𝄞 ü"],
    [
      [1, "a", [null]],
      [1, "a", [null]],
    ],
    [
      { 1: "a", b: { c: [] } },
      { "1": "a", b: { c: [] } },
    ],
    [new TextEncoder().encode("bytes ü"), "bytes ü"],
    [Buffer.from("buffer"), "buffer"],
    [{ kept: 1, left: undefined }, { kept: 1 }],
  ])("carries %j", (value, expected) => {
    expect(normalizeJson(value)).toStrictEqual(expected);
  });

  it("makes −0 a plain 0, as JSON does", () => {
    expect(Object.is(normalizeJson(-0), 0)).toBe(true);
  });

  it("copies, so that a later change of the original does not show", () => {
    const original = { list: [1, { deep: true }] };
    const copy = normalizeJson(original);
    original.list.push(2);
    (original.list[1] as { deep: boolean }).deep = false;
    expect(copy).toEqual({ list: [1, { deep: true }] });
  });

  it("takes the same object twice where it is no cycle", () => {
    const shared = { a: 1 };
    expect(normalizeJson([shared, shared])).toEqual([{ a: 1 }, { a: 1 }]);
  });

  it("takes plain objects, arrays and bytes of another realm", () => {
    const foreign = runInNewContext(
      '({ list: [1, { a: "b" }], bytes: new Uint8Array([104, 105]) })',
    );
    expect(normalizeJson(foreign)).toEqual({ list: [1, { a: "b" }], bytes: "hi" });
  });

  it("takes objects without a prototype, and proxies of plain data", () => {
    expect(normalizeJson(Object.assign(Object.create(null), { a: 1 }))).toEqual({ a: 1 });
    expect(normalizeJson(new Proxy({ a: [1] }, {}))).toEqual({ a: [1] });
  });

  it("reads a getter once", () => {
    let reads = 0;
    const value = {
      get counted() {
        return ++reads;
      },
    };
    expect(normalizeJson(value)).toEqual({ counted: 1 });
    expect(reads).toBe(1);
  });
});

describe("keys that reach for the prototype", () => {
  it("come back as data and leave every prototype alone", () => {
    const hostile = JSON.parse(
      '[{"__proto__": {"polluted": 1}, "constructor": {"prototype": {"polluted": 2}}}]',
    ) as unknown;
    const { value, json } = encodeJson(hostile, "args", MIB);
    const [copy] = value as [object];
    expect(Object.hasOwn(copy, "__proto__")).toBe(true);
    expect(Object.getPrototypeOf(copy)).toBe(Object.prototype);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
    expect(json).toBe(JSON.stringify(hostile));
  });
});

describe("what JSON cannot bring back", () => {
  class Money {
    cents = 1;
  }
  class Nothing extends (null as unknown as ObjectConstructor) {
    static make(): object {
      return Object.create(Nothing.prototype) as object;
    }
  }
  it.each(
    [
      ["Date", new Date()],
      ["Map", new Map()],
      ["Set", new Set()],
      ["RegExp", /x/],
      ["Error", new Error("x")],
      ["Money", new Money()],
      ["Nothing", Nothing.make()],
      ["Number", Object(1)],
      ["Promise", Promise.resolve()],
      ["Float64Array", new Float64Array(1)],
      ["ArrayBuffer", new ArrayBuffer(1)],
      ["bigint", 1n],
      ["symbol", Symbol("x")],
      ["function", () => {}],
      ["undefined", undefined],
      ["NaN", Number.NaN],
      ["Infinity", Number.POSITIVE_INFINITY],
      ["-Infinity", Number.NEGATIVE_INFINITY],
      ["string with U+0000", "a\0b"],
      ["string with a lone surrogate", "\uD800"],
      ["symbol key", { [Symbol("x")]: 1 }],
      ["key with U+0000 or a lone surrogate", { "a\0": 1 }],
      ["key with U+0000 or a lone surrogate", { "\uDFFF": 1 }],
      ["Date", runInNewContext("new Date()")],
      ["Map", runInNewContext("new Map()")],
      ["class instance", Object.create({})],
    ].map(([name, value]) => ({ name: name as string, value: value as unknown })),
  )("refuses $name", ({ name, value }) => {
    const expected = name === "class instance" ? "Object" : name;
    const place = name.startsWith("key with") ? /at args\[0\]/ : /at args\[0\]: /;
    expect(() => normalizeJson([value], "args")).toThrow(TypeError);
    expect(() => normalizeJson([value], "args")).toThrow(place);
    expect(() => normalizeJson([value], "args")).toThrow(`: ${expected}`);
  });

  it("names the path, whatever the keys are", () => {
    const value = [{ user: { born: new Date() } }];
    expect(() => normalizeJson(value, "args")).toThrow(
      new TypeError("Unsupported type at args[0].user.born: Date"),
    );
    expect(() => normalizeJson({ "a b": [{ 'quo"te': 1n }] }, "args")).toThrow(
      new TypeError('Unsupported type at args["a b"][0]["quo\\"te"]: bigint'),
    );
  });

  it("refuses holes and undefined in arrays", () => {
    // oxlint-disable-next-line no-sparse-arrays -- that is what is tested
    expect(() => normalizeJson([1, , 3])).toThrow("Unsupported type at value[1]: undefined");
    expect(() => normalizeJson([undefined])).toThrow("Unsupported type at value[0]: undefined");
  });

  it("refuses an array of billions of holes at once", () => {
    expect(() => normalizeJson(Object.assign([], { length: 4_294_967_295 }))).toThrow(
      "value[0]: undefined",
    );
    expect(() => encodeJson(Object.assign([], { length: 4_294_967_295 }), "args", MIB)).toThrow(
      PayloadTooLarge,
    );
  });

  it("refuses cycles, naming where they close", () => {
    const cycle: { self?: unknown; list: unknown[] } = { list: [] };
    cycle.list.push({ back: cycle });
    expect(() => normalizeJson(cycle)).toThrow("Unsupported type at value.list[0].back: a cycle");
  });

  it("refuses bytes that are not UTF-8", () => {
    expect(() => normalizeJson({ data: new Uint8Array([0xff]) })).toThrow(
      new TypeError("Unsupported value at value.data: bytes that are not UTF-8"),
    );
  });

  it("refuses nesting 10,000 deep with a short path, and takes 500", () => {
    const nested = (depth: number): unknown => {
      let value: unknown = 1;
      for (let level = 0; level < depth; level++) value = { a: value };
      return value;
    };
    expect(() => normalizeJson(nested(10_000))).toThrow(
      /^Unsupported type at .{1,80}: nesting deeper than 500$/,
    );
    expect(JSON.stringify(normalizeJson(nested(500)))).toContain('{"a":1}');
  });
});

describe("values that fight back", () => {
  it("names the path of a getter that throws, and keeps its error as the cause", () => {
    const cause = new Error("boom");
    const value = {
      deep: {
        get trap(): never {
          throw cause;
        },
      },
    };
    expect(() => normalizeJson([value], "args")).toThrow(
      new TypeError("Unsupported value at args[0].deep.trap: it cannot be read", { cause }),
    );
  });

  it.each<[string, ProxyHandler<object>]>([
    [
      "ownKeys",
      {
        ownKeys: () => {
          throw new Error("no keys");
        },
      },
    ],
    [
      "get",
      {
        get: () => {
          throw new Error("no get");
        },
      },
    ],
    [
      "getPrototypeOf",
      {
        getPrototypeOf: () => {
          throw new Error("no prototype");
        },
      },
    ],
  ])("refuses a proxy whose %s throws", (_trap, handler) => {
    const proxy = new Proxy({ a: 1 }, handler);
    expect(() => normalizeJson([proxy], "args")).toThrow(
      /^Unsupported value at args\[0\].*: it cannot be read$/,
    );
  });

  it("refuses a revoked proxy", () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    expect(() => normalizeJson([proxy], "args")).toThrow(
      "Unsupported value at args[0]: it cannot be read",
    );
  });

  it("bounds the name of a class in the message", () => {
    class Long {}
    Object.defineProperty(Long, "name", { value: "L".repeat(100_000) });
    expect(() => normalizeJson(new Long())).toThrow(/^.{1,150}$/);
  });
});

describe("the size limit", () => {
  it("accepts a payload of exactly the limit, counted in bytes of UTF-8", () => {
    expect(encodeJson("üü", "args", 6).json).toBe('"üü"');
    expect(() => encodeJson("üüx", "args", 6)).toThrow(PayloadTooLarge);
    expect(encodeJson(["a"], "args", 5).json).toBe('["a"]');
    expect(() => encodeJson(["a"], "args", 4)).toThrow(PayloadTooLarge);
  });

  it("states the size, the limit and what to do", () => {
    expect(() => encodeJson("x".repeat(100), "return value", 50)).toThrow(
      "return value is at least 102 bytes of JSON, but the backend accepts at most 50 bytes. " +
        "Store the data elsewhere and pass a reference, or raise maxPayloadBytes.",
    );
    expect(() => encodeJson("ü".repeat(30), "args", 40)).toThrow("args is 62 bytes of JSON");
  });

  it("refuses 16 MB of text, of bytes and of numbers", () => {
    const size = 16 * MIB;
    expect(() => encodeJson(["x".repeat(size)], "args", MIB)).toThrow(PayloadTooLarge);
    expect(() => encodeJson([new Uint8Array(size)], "args", MIB)).toThrow(PayloadTooLarge);
    expect(() =>
      encodeJson(
        Array.from({ length: size / 8 }, () => 1),
        "args",
        MIB,
      ),
    ).toThrow(PayloadTooLarge);
  });

  it("stops walking an object of a million keys when the limit is reached", () => {
    const keys: Record<string, unknown> = {};
    // Keys like 1 and 2 are quicker to make than others.
    for (let index = 0; index < 1_000_000; index++) keys[index] = 1;
    // Never reached.
    keys["last"] = new Date();
    expect(() => encodeJson(keys, "args", 10_000)).toThrow(PayloadTooLarge);
  });

  it("stops expanding what holds the same object again and again", () => {
    let bomb: unknown = "lol";
    for (let level = 0; level < 60; level++) bomb = [bomb, bomb];
    expect(() => encodeJson(bomb, "args", MIB)).toThrow(PayloadTooLarge);
  });
});
