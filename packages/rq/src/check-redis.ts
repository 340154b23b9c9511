import { BackendUnavailable, TasksError, type CheckMessage } from "@tasks/core";

import type { RedisClient } from "./connection/client.ts";
import { isDenied, isPermanent } from "./connection/errors.ts";
import type { RedisStore } from "./connection/redis-store.ts";
import { ROLES } from "./scripts/rights.ts";

/** What a batch of several tasks or outcomes may have beside the largest payload, in bytes. */
const BATCH_BYTES = 16 * 2 ** 20;

/** What a check needs to know of the backend beside its store. */
export interface CheckedOptions {
  /** The event loop renews leases, and nobody asked for it. */
  readonly isTimedUnasked: boolean;
  readonly maxPayloadBytes: number;
}

/** Looks for mistakes: a server out of reach, rights that are missing, settings by which it loses tasks, leases that a busy event loop can lose. */
export async function checkRedis(
  store: RedisStore,
  options: CheckedOptions,
): Promise<readonly CheckMessage[]> {
  const messages: CheckMessage[] = [];
  try {
    messages.push(...(await checkRights(store)));
  } catch (error) {
    return [unusable(error)];
  }
  messages.push(...checkSettings(await readSettings(store), options));
  if (options.isTimedUnasked) messages.push(TIMED_LEASE);
  return messages;
}

async function checkRights(store: RedisStore): Promise<readonly CheckMessage[]> {
  const lacks: string[] = [];
  for (const [role, commands] of Object.entries(ROLES)) {
    const denied = await store.denied(commands);
    if (denied.length > 0) lacks.push(`to ${role}: ${denied.join(", ")}`);
  }
  return lacks.length === 0 ? [] : [lacksRights(lacks, Object.keys(ROLES).length)];
}

function checkSettings(
  settings: ReadonlyMap<string, string>,
  { maxPayloadBytes }: CheckedOptions,
): readonly CheckMessage[] {
  const messages: CheckMessage[] = [];
  const policy = settings.get("maxmemory-policy");
  if (settings.get("appendonly") === "no") messages.push(NOT_DURABLE);
  if (policy !== undefined && policy !== "noeviction") messages.push(evicts(policy));
  const [used = 0, limit = 0] = ["used_memory", "maxmemory"].map((name) =>
    Number(settings.get(name) ?? 0),
  );
  if (limit > 0 && used >= limit) messages.push(IS_FULL);
  const needed = {
    "proto-max-bulk-len": maxPayloadBytes,
    "client-query-buffer-limit": maxPayloadBytes + BATCH_BYTES,
  };
  for (const [name, bytes] of Object.entries(needed)) {
    const limit = Number(settings.get(name) ?? Number.POSITIVE_INFINITY);
    if (limit < bytes) messages.push(tooSmall(name, limit, bytes));
  }
  return messages;
}

/** What the server tells of its settings: managed ones often forbid `CONFIG`, and some `INFO`. */
async function readSettings(store: RedisStore): Promise<ReadonlyMap<string, string>> {
  const settings = new Map<string, string>();
  const info = await unlessRefused(() => store.command((client) => client.info()));
  for (const line of info?.split("\r\n") ?? []) {
    const at = line.indexOf(":");
    if (at > 0) settings.set(line.slice(0, at), line.slice(at + 1));
  }
  setIfKnown(settings, "maxmemory-policy", settings.get("maxmemory_policy"));
  const isLogged = settings.get("aof_enabled");
  setIfKnown(settings, "appendonly", isLogged === "0" ? "no" : isLogged);
  for (const name of SETTINGS) {
    setIfKnown(settings, name, await readSetting(store, name));
  }
  return settings;
}

const SETTINGS = [
  "appendonly",
  "maxmemory-policy",
  "proto-max-bulk-len",
  "client-query-buffer-limit",
];

function setIfKnown(settings: Map<string, string>, name: string, value: string | undefined): void {
  if (value !== undefined) settings.set(name, value);
}

async function readSetting(store: RedisStore, name: string): Promise<string | undefined> {
  const answer: unknown = await unlessRefused(() =>
    store.command((client) => configGet(client, name) as Promise<unknown>),
  );
  if (Array.isArray(answer)) return typeof answer[1] === "string" ? answer[1] : undefined;
  return (answer as Readonly<Record<string, string>> | null | undefined)?.[name];
}

async function unlessRefused<T>(ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask();
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

const IS_FULL: CheckMessage = {
  level: "warning",
  id: "tasks.rq.W004",
  text: "The memory of Redis is full (maxmemory): it refuses new tasks. Workers go on.",
  hint: "Raise maxmemory, or delete old results with `tasks prune`.",
};

function evicts(policy: string): CheckMessage {
  return {
    level: "error",
    id: "tasks.rq.E002",
    text: `Redis deletes keys when its memory is full (maxmemory-policy ${policy}): tasks may vanish.`,
    hint: "Set `maxmemory-policy noeviction`; the server then refuses new tasks instead.",
  };
}

function tooSmall(name: string, limit: number, needed: number): CheckMessage {
  return {
    level: "warning",
    id: "tasks.rq.W005",
    text: `Redis takes at most ${limit} bytes (${name}), and a batch with a payload of maxPayloadBytes may have ${needed}: it could not be stored.`,
    hint: `Raise ${name}, or lower maxPayloadBytes.`,
  };
}

function lacksRights(lacks: readonly string[], roles: number): CheckMessage {
  const isUseless = lacks.length === roles;
  return {
    level: isUseless ? "error" : "warning",
    id: isUseless ? "tasks.rq.E003" : "tasks.rq.W006",
    text: `The Redis user lacks commands. It needs, ${lacks.join("; ")}.`,
    hint: "Grant them with ACL SETUSER, as docs/redis.md shows, unless processes of this user never do that.",
  };
}

function unusable(error: unknown): CheckMessage {
  const text = TasksError.is(error) ? error.message : "Redis could not be reached.";
  if (isDenied(error)) return { level: "error", id: "tasks.rq.E003", text, hint: null };
  return { level: "error", id: "tasks.rq.E001", text, hint: whatToCheck(error) };
}

function whatToCheck(error: unknown): string | null {
  if (!BackendUnavailable.is(error)) return null;
  return isPermanent(error)
    ? "Check the user, the password and the number of the database in the address."
    : "Check the address, and that the server runs.";
}
