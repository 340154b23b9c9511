import { redact } from "@tasks/core";
import { describe, expect, it } from "vitest";

import { boundedText } from "../src/redact.ts";

describe("redact", () => {
  it.each([
    ["postgres://ada:s3cret@db.example:5432/app", "postgres://***@db.example:5432/app"],
    ["redis://:s3cret@cache", "redis://***@cache"],
    ["mysql://root:p@ss@w0rd@host/db", "mysql://***@host/db"],
    ["postgres://u:pa/ss@host/db", "postgres://***@host/db"],
    [`postgres://u:${"t".repeat(2000)}@host`, "postgres://***@host"],
    [
      "connect ECONNREFUSED (https://key@sentry.example/1)",
      "connect ECONNREFUSED (https://***@sentry.example/1)",
    ],
    ["Authorization: Bearer abcdefgh.ijkl", "Authorization: Bearer ***"],
    ["authorization: basic dXNlcjpwYXNz", "authorization: basic ***"],
    ["host=db password=hunter2 user=ada", "host=db password=*** user=ada"],
    [
      "mysql://db/app?user=ada&password=hunter2&ssl=1",
      "mysql://db/app?user=ada&password=***&ssl=1",
    ],
    ["api_key='abc' token=\"def\"", "api_key=*** token=***"],
  ])("blanks the credentials of %j", (text, expected) => {
    expect(redact(text)).toBe(expected);
  });

  it.each([
    "http://localhost:8080/users?email=ada@example.com",
    "postgres://localhost/app",
    "ada@example.com wrote to bob@example.com",
    "a basic idea",
    "the password is wrong",
  ])("leaves %j alone", (text) => {
    expect(redact(text)).toBe(text);
  });

  it("takes time in proportion to the text, however it is made", () => {
    const texts = [
      "a".repeat(500_000),
      "x://".repeat(100_000),
      "://u:".repeat(100_000),
      "password=".repeat(50_000),
    ];
    const before = process.cpuUsage();
    for (const text of texts) expect(redact(text).length).toBeGreaterThan(0);
    // In microseconds of the processor, which other programs do not lengthen.
    expect(process.cpuUsage(before).user).toBeLessThan(5_000_000);
  });
});

describe("boundedText", () => {
  it("keeps short texts as they are", () => {
    expect(boundedText("fine", 10)).toBe("fine");
  });

  it("cuts long texts to the length and says how long they were", () => {
    const text = boundedText("x".repeat(1000), 100);
    expect(text).toHaveLength(100);
    expect(text).toMatch(/x … \(cut, 1000 characters\)$/);
  });

  it("replaces what stores cannot keep", () => {
    expect(boundedText("a\0b\uD800c", 10)).toBe("a\uFFFDb\uFFFDc");
    expect(boundedText("😀".repeat(100), 50).isWellFormed()).toBe(true);
  });

  it("leaves no half of a credential behind, wherever the cut falls", () => {
    const address = "postgres://ada:s3cretpassword@db";
    for (let before = 0; before < 260; before++) {
      const text = boundedText(`${"x".repeat(before)} ${address} ${"y".repeat(300)}`, 100);
      expect(text).not.toContain("s3cret");
    }
  });

  it("leaves no half of a credential behind when blanking shortens the text", () => {
    for (let length = 200; length < 320; length++) {
      const text = Array.from({ length: 30 }, () => "pg://u:s3cretpassword@h")
        .join(" ")
        .slice(0, 100_000);
      const cut = boundedText(`${"z".repeat(length - 200)}${text}`, 100);
      expect(cut).not.toContain("s3cret");
      expect(
        boundedText(
          `${"z".repeat(length - 200)} Bearer s3cretpassword1 ${"Bearer s3cretpassword ".repeat(40)}`,
          100,
        ),
      ).not.toContain("s3cret");
    }
  });
});
