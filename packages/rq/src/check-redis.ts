import { TasksError, type CheckMessage } from "@tasks/core";

import type { RedisClient } from "./connection/client.ts";
import type { RedisStore } from "./connection/redis-store.ts";

/** Looks for mistakes: a server out of reach, settings by which it loses tasks, leases that a busy event loop can lose. */
export async function checkRedis(
  store: RedisStore,
  isTimedUnasked: boolean,
): Promise<readonly CheckMessage[]> {
  const messages: CheckMessage[] = [];
  try {
    await store.command((client) => client.ping());
  } catch (error) {
    return [unreachable(error)];
  }
  const appendOnly = await readSetting(store, "appendonly");
  const policy = await readSetting(store, "maxmemory-policy");
  if (appendOnly === "no") messages.push(NOT_DURABLE);
  if (policy !== undefined && policy !== "noeviction") messages.push(evicts(policy));
  if (isTimedUnasked) messages.push(TIMED_LEASE);
  return messages;
}

/** `undefined` where the server does not tell: managed ones often forbid it. */
async function readSetting(store: RedisStore, name: string): Promise<string | undefined> {
  try {
    const answer: unknown = await store.command(
      (client) => configGet(client, name) as Promise<unknown>,
    );
    if (Array.isArray(answer)) return typeof answer[1] === "string" ? answer[1] : undefined;
    return (answer as Readonly<Record<string, string>> | null)?.[name];
  } catch {
    return undefined;
  }
}

function configGet(client: RedisClient, name: string): Promise<unknown> {
  return client.config("GET", name);
}

const NOT_DURABLE: CheckMessage = {
  level: "warning",
  id: "tasks.rq.W001",
  text: "Redis does not keep a log of what it stores (appendonly no): tasks and results of the last minutes are gone when it ends.",
  hint: "Set `appendonly yes`, and `appendfsync always` where not even the last second may be lost.",
};

const TIMED_LEASE: CheckMessage = {
  level: "warning",
  id: "tasks.rq.W003",
  text: "Workers renew their lease from the event loop: a task that computes for longer than leaseMs without a pause loses it, and runs again elsewhere.",
  hint: 'Give workers the server by url, or a connection whose options are plain data (no dnsLookup, natMap or Connector of your own), so that a thread with a connection of its own keeps the lease. Where tasks never compute for long, say so with heartbeat: "timer".',
};

function evicts(policy: string): CheckMessage {
  return {
    level: "error",
    id: "tasks.rq.E002",
    text: `Redis deletes keys when its memory is full (maxmemory-policy ${policy}): tasks may vanish.`,
    hint: "Set `maxmemory-policy noeviction`; the server then refuses new tasks instead.",
  };
}

function unreachable(error: unknown): CheckMessage {
  return {
    level: "error",
    id: "tasks.rq.E001",
    text: TasksError.is(error) ? error.message : "Redis could not be reached.",
    hint: "Check the address, and that the server runs.",
  };
}
