import { configureTasks, createId } from "@tasks/core";
import { RQBackend, type RQBackendOptions } from "@tasks/rq";
import { afterAll, onTestFinished } from "vitest";

import { openRedis } from "../../src/connection/open-redis.ts";
import { RedisStore } from "../../src/connection/redis-store.ts";
import { createClient, deleteKeys, redisUrl } from "./redis.ts";

const client = createClient();
const prefixes: string[] = [];

/** The default backend, on keys of its own, which are deleted after the file. */
export function openBackend(options: Omit<RQBackendOptions, "prefix"> = {}): {
  readonly backend: RQBackend;
  readonly prefix: string;
} {
  const prefix = `t${createId()}`;
  prefixes.push(prefix);
  const source = options.connection === undefined ? { url: redisUrl() } : {};
  const backend = new RQBackend({ ...source, prefix, ...options });
  configureTasks({ backends: { default: backend } });
  return { backend, prefix };
}

/** Runs scripts on the keys of a backend, as the backend itself does. */
export function openStore(prefix: string): RedisStore {
  const options = { commandTimeoutMs: 10_000, events: false };
  const store = new RedisStore(openRedis({ url: redisUrl() }), () => `{${prefix}}`, options);
  onTestFinished(() => store.close());
  return store;
}

afterAll(async () => {
  for (const prefix of prefixes) await deleteKeys(client, `{${prefix}`);
});
