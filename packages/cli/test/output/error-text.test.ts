import { describe, expect, it } from "vitest";

import { describeError } from "../../src/output/error-text.ts";

describe("describeError", () => {
  const cause = new Error("unable to open database file");

  it("tells causes, one a line", () => {
    const error = new Error("The store is away.", { cause });
    expect(describeError(error)).toEqual([
      "The store is away.",
      "Cause: unable to open database file",
    ]);
  });

  it("leaves a cause out that the error above it ends with", () => {
    const error = new Error(`SQLite database x.db: ${cause.message}`, { cause });
    expect(describeError(error)).toEqual(["SQLite database x.db: unable to open database file"]);
  });
});
