import { configureTasks, createId } from "@tasks/core";
import { RQBackend, type RQBackendOptions } from "@tasks/rq";
import { afterAll } from "vitest";

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

afterAll(async () => {
  for (const prefix of prefixes) await deleteKeys(client, `{${prefix}`);
});
