import { describe, expect, it } from "vitest";

import { renderTable, truncate, type Column } from "../../src/output/table.ts";

const plain = (_style: string, text: string): string => text;
const columns: readonly Column[] = [
  { title: "NAME", shrinks: true },
  { title: "COUNT", align: "right" },
  { title: "NOTE" },
];

function cells(...texts: string[]): { readonly text: string }[] {
  return texts.map((text) => ({ text }));
}

describe("renderTable", () => {
  it("aligns columns to their widest cell, numbers to the right", () => {
    const table = renderTable(columns, [cells("a", "1", "x"), cells("bcdef", "1000", "")], plain);
    expect(table).toBe("NAME   COUNT  NOTE\na          1  x\nbcdef   1000\n");
  });

  it("counts wide characters as two", () => {
    const table = renderTable(columns, [cells("世界", "1", "x"), cells("abcd", "1", "x")], plain);
    expect(table.split("\n").slice(1, 3)).toEqual(["世界      1  x", "abcd      1  x"]);
  });

  it("cuts what may shrink until the table fits", () => {
    const table = renderTable(columns, [cells("n".repeat(60), "1", "x")], plain, 40);
    const [titles, row] = table.split("\n");
    expect(row).toHaveLength(titles!.trimEnd().length - "NOTE".length + 1);
    expect(row).toContain("…");
    expect(Math.max(titles!.length, row!.length)).toBeLessThanOrEqual(40);
  });

  it("cuts nothing when nobody looks", () => {
    expect(renderTable(columns, [cells("n".repeat(300), "1", "x")], plain)).toContain(
      "n".repeat(300),
    );
  });

  it("keeps a hostile cell on its line and without control sequences", () => {
    const table = renderTable(columns, [cells("a\n\u001B[2Jb", "1", "x")], plain);
    expect(table.split("\n")).toHaveLength(3);
    expect(table).not.toContain("\u001B");
  });

  it("measures a cell before its colour is added", () => {
    const table = renderTable(
      columns,
      [
        [{ text: "ab", style: "red" }, { text: "1" }, { text: "x" }],
        [{ text: "abcd" }, { text: "1" }, { text: "x" }],
      ],
      (style, text) => (style === "red" ? `<${text}>` : text),
    );
    expect(table.split("\n")[1]).toBe("<ab>        1  x");
  });
});

describe("truncate", () => {
  it("never splits a character made of several code points", () => {
    expect(truncate("ab👩‍🚀cd", 4)).toBe("ab…");
    expect(truncate("ab👩‍🚀cd", 5)).toBe("ab👩‍🚀…");
  });
});
