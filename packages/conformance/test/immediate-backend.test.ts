import { testBackend } from "@tasks/conformance/vitest";
import { ImmediateBackend } from "@tasks/core";

testBackend({
  name: "ImmediateBackend",
  createBackend: ({ queues }) => new ImmediateBackend({ queues }),
});
