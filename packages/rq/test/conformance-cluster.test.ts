import { testBackend } from "@tasks/conformance/vitest";
import { afterCommit, RQBackend } from "@tasks/rq";
import { afterAll } from "vitest";

import { createFolder } from "./support/folder.ts";
import { connectCluster, startCluster } from "./support/redis-cluster.ts";

const folder = createFolder();
const servers = await startCluster(folder.path("cluster"));
const cluster = await connectCluster(servers);
// Many backends share the client here, and each listens to it.
cluster.setMaxListeners(0);
afterAll(() => cluster.disconnect());

testBackend({
  name: "@tasks/rq, Redis Cluster",
  parallel: 10,
  createBackend: ({ namespace, ...options }) =>
    new RQBackend({ connection: cluster, prefix: namespace, ...options }),
  withTransaction: (_backend, run) => afterCommit(run),
});
