import { testBackend } from "@tasks/conformance/vitest";
import { MemoryBackend } from "@tasks/core";

testBackend({
  name: "MemoryBackend",
  createBackend: ({ queues, leaseMs }) => new MemoryBackend({ queues, leaseMs }),
  sharesStore: false,
  parallel: 10,
});
