import { testBackend } from "@tasks/conformance/vitest";
import { afterCommit, RQBackend } from "@tasks/rq";

import { createClient, deleteKeys, redisUrl } from "./support/redis.ts";

const client = createClient();

testBackend({
  name: "@tasks/rq, Redis by url",
  parallel: 10,
  createBackend: ({ namespace, ...options }) =>
    new RQBackend({ url: redisUrl(), prefix: namespace, ...options }),
  destroy: ({ namespace }) => deleteKeys(client, `{${namespace}}`),
  withTransaction: (_backend, run) => afterCommit(run),
});
