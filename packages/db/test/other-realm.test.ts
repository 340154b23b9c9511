import { runInNewContext } from "node:vm";

import { describe, expect, it } from "vitest";

import { isUnanswered, toTasksError } from "../src/connections/errors.ts";
import { isBroken, isDuplicateEntry, isNetworkError } from "../src/connections/mysql-errors.ts";

/**
 * An error as drivers throw it, made in another realm: as under Jest, whose tests have globals of
 * their own.
 */
function foreign(message: string, fields: Readonly<Record<string, unknown>> = {}): unknown {
  const error = runInNewContext("new Error(message)", { message }) as object;
  return Object.assign(error, fields);
}

describe("an error of another realm", () => {
  it("keeps its message", () => {
    const { message } = toTasksError(foreign("connect ECONNREFUSED"), "The database");
    expect(message).toBe("The database: connect ECONNREFUSED");
  });

  it("that stands for several hosts shows the message of the first", () => {
    const error = foreign("", { errors: [foreign("connect ECONNREFUSED ::1:5432")] });
    expect(toTasksError(error, "The database").message).toContain("ECONNREFUSED ::1:5432");
  });

  it("is known for what it is", () => {
    expect(isUnanswered(foreign("Query read timeout"))).toBe(true);
    expect(isNetworkError(foreign("read ECONNRESET", { code: "ECONNRESET" }))).toBe(true);
    expect(isBroken(foreign("read ECONNRESET", { code: "ECONNRESET" }))).toBe(true);
    const duplicate = foreign("Duplicate entry 'a'", { errno: 1062, sqlState: "23000" });
    expect(isDuplicateEntry(duplicate)).toBe(true);
    expect(isDuplicateEntry(foreign("failed", { cause: duplicate }))).toBe(true);
  });
});
