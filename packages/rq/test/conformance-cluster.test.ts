import { testBackend } from "@tasks/conformance/vitest";
import { afterCommit, RQBackend } from "@tasks/rq";

import { openCluster } from "./support/redis-cluster.ts";

const { cluster } = await openCluster();
// Many backends share the client here, and each listens to it.
cluster.setMaxListeners(0);

testBackend({
  name: "@tasks/rq, Redis Cluster",
  parallel: 10,
  createBackend: ({ namespace, ...options }) =>
    new RQBackend({ connection: cluster, prefix: namespace, ...options }),
  withTransaction: (_backend, run) => afterCommit(run),
});
