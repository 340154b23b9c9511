import { readdirSync } from "node:fs";

import { requirements } from "@tasks/conformance";
import { describe, expect, it } from "vitest";

const ids = requirements.map(({ id }) => id);

describe("requirements", () => {
  it("have ids of their own, made of a topic and words", () => {
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of ids) expect(id).toMatch(/^[a-z]+(-[a-z]+)*(\.[A-Za-z0-9]+(-[A-Za-z0-9]+)*)+$/);
  });

  it("are owned by the file of their topic", () => {
    const files = readdirSync(new URL("../src/requirements", import.meta.url))
      .filter((file) => file !== "index.ts")
      .map((file) => file.replace(/\.ts$/, ""));
    const topics = new Set(ids.map((id) => id.slice(0, id.indexOf("."))));
    expect([...topics].toSorted()).toEqual(files.toSorted());
  });

  it("are one sentence each", () => {
    const isGood = (sentence: string): boolean =>
      sentence.length < 170 && /^\S.*\.[”"]?$/.test(sentence);
    expect(requirements.filter(({ sentence }) => !isGood(sentence)).map(({ id }) => id)).toEqual(
      [],
    );
    expect(new Set(requirements.map(({ sentence }) => sentence)).size).toBe(requirements.length);
  });
});
