import { describe, expect, it } from "vitest";

import { escapeLines, escapeText, toSafeJson } from "../../src/output/escape.ts";

describe("escapeText", () => {
  it("keeps ordinary text of any language", () => {
    expect(escapeText("Grüße, 世界 👩‍🚀")).toBe("Grüße, 世界 👩‍🚀");
  });

  it("shows line ends and tabs instead of obeying them", () => {
    expect(escapeText("a\r\nb\tc")).toBe(String.raw`a\r\nb\tc`);
  });

  it("disarms terminal sequences, in their 7-bit and 8-bit forms", () => {
    expect(escapeText("\u001B[31mred\u009B0m\u0007\u007F")).toBe(
      String.raw`\x1b[31mred\x9b0m\x07\x7f`,
    );
  });

  it("disarms marks that reorder text and foreign line separators", () => {
    expect(escapeText("user\u202Etxt.exe\u2066\u2028")).toBe(
      String.raw`user\u202etxt.exe\u2066\u2028`,
    );
  });

  it("shows lone surrogates", () => {
    expect(escapeText("\uD800x")).toBe(String.raw`\ud800x`);
  });
});

describe("escapeLines", () => {
  it("keeps lines apart and escapes each", () => {
    expect(escapeLines("one\r\ntwo\u001B[2J\nthree")).toEqual([
      "one",
      String.raw`two\x1b[2J`,
      "three",
    ]);
  });
});

describe("toSafeJson", () => {
  it("gives JSON that parses back to the same value", () => {
    const value = { text: "\u009B31m\u202E\u007F\n\u001B", list: [1, "\u2028"] };
    expect(JSON.parse(toSafeJson(value, 2))).toEqual(value);
  });

  it("holds nothing a terminal would obey", () => {
    expect(toSafeJson("\u009B31m\u001B\u202E")).toBe(String.raw`"\u009b31m\u001b\u202e"`);
  });
});
