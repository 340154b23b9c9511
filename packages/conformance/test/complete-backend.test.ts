import { checkBackend } from "@tasks/conformance";
import { describe, expect, it } from "vitest";

import { CompleteBackend } from "./support/complete-backend.ts";

describe("requirements of abilities that the backends of core do not have", () => {
  it("can be met", { timeout: 60_000 }, async () => {
    const { outcomes } = await checkBackend({
      name: "CompleteBackend",
      createBackend: ({ queues }) => new CompleteBackend({ queues }),
      sharesStore: false,
      parallel: 10,
    });
    expect(outcomes.filter(({ status }) => status === "failed")).toEqual([]);
    const passed = outcomes.filter(({ status }) => status === "passed").map(({ id }) => id);
    expect(passed).toContain("pause.holds");
    expect(passed).toContain("concurrency.limit");
  });
});
