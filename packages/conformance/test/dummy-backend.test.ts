import { testBackend } from "@tasks/conformance/vitest";
import { DummyBackend } from "@tasks/core";

testBackend({
  name: "DummyBackend",
  createBackend: ({ queues }) => new DummyBackend({ queues }),
});
