import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { testBackend } from "@tasks/conformance/vitest";
import { FileBackend } from "@tasks/file-backend";
import { afterAll } from "vitest";

const root = await mkdtemp(join(tmpdir(), "tasks-files-"));
afterAll(() => rm(root, { recursive: true, force: true }));

testBackend({
  name: "@tasks/file-backend",
  parallel: 10,
  createBackend: ({ namespace, queues, leaseMs }) =>
    new FileBackend({ folder: join(root, namespace), queues, leaseMs }),
});
