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

/** All keys that hold a text. */
export async function keysOf(client: Redis, text: string): Promise<string[]> {
  const found: string[] = [];
  let cursor = "0";
  do {
    const [next, keys] = await client.scan(cursor, "MATCH", `*${text}*`, "COUNT", 1000);
    cursor = next;
    found.push(...keys);
  } while (cursor !== "0");
  return found;
}

/** Deletes all keys that hold a text. */
export async function deleteKeys(client: Redis, text: string): Promise<void> {
  const keys = await keysOf(client, text);
  for (let from = 0; from < keys.length; from += 1000) {
    await client.unlink(...keys.slice(from, from + 1000));
  }
}
