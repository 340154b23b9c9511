import { Redis } from "ioredis";
import { afterAll, inject } from "vitest";

/** The test run's server. Everybody uses keys of their own on it. */
export function redisUrl(): string {
  const url = inject("serviceUrls").redis;
  if (url === undefined) throw new Error("The test run has no Redis server.");
  return url;
}

/** A client of the test file's own, closed after it. */
export function createClient(): Redis {
  const client = new Redis(redisUrl());
  afterAll(() => client.disconnect());
  return client;
}

/** Deletes all keys that hold a text. */
export async function deleteKeys(client: Redis, text: string): Promise<void> {
  let cursor = "0";
  do {
    const [next, keys] = await client.scan(cursor, "MATCH", `*${text}*`, "COUNT", 1000);
    cursor = next;
    if (keys.length > 0) await client.unlink(...keys);
  } while (cursor !== "0");
}
