import {
  assertKnownOptions,
  InvalidOption,
  wholeNumber,
  type BackendOptions,
  type BackendSupports,
} from "@tasks/core";

import type { RedisSource } from "./connection/open-redis.ts";

/** Options of `RQBackend`: one of `url` and `connection`, and how to use it. */
export interface RQBackendOptions extends BackendOptions, RedisSource {
  /** What keys begin with, in braces: letters, digits, `_`, `.`, `-`, up to 64. Backends under other aliases than "default" add theirs. @default "tasks" */
  readonly prefix?: string | undefined;
  /** How long a worker's lease lasts without a heartbeat, in milliseconds, 100…3,600,000. A dead worker's tasks run elsewhere after it. @default 15000 */
  readonly leaseMs?: number | undefined;
  /** What renews leases: a thread with a connection of its own, or the event loop. @default "thread"; "timer" where a thread cannot have the options of `connection` */
  readonly heartbeat?: "thread" | "timer" | undefined;
  /** How long an answer of the server is waited for, in milliseconds, 100…600,000. @default 10000 */
  readonly commandTimeoutMs?: number | undefined;
  /** Also tells BullMQ's `QueueEvents` what happens to tasks; every enqueuer and worker does that for itself. @default false */
  readonly events?: boolean | undefined;
  /** Largest JSON text of one payload, in bytes, 1…100,000,000. @default 1048576 */
  readonly maxPayloadBytes?: number | undefined;
}

/** Options after defaults and checks. */
export interface ResolvedOptions {
  readonly supports: BackendSupports;
  readonly prefix: string;
  readonly leaseMs: number;
  readonly heartbeat: "thread" | "timer";
  /** The event loop renews leases, and nobody asked for it. */
  readonly isTimedUnasked: boolean;
  readonly commandTimeoutMs: number;
  readonly events: boolean;
}

/** @throws InvalidOption for an unknown option. */
export function assertOptions(options: RQBackendOptions): void {
  assertKnownOptions("new RQBackend()", options, OPTIONS);
}

/**
 * Applies defaults and checks.
 *
 * @param canThread a thread could connect by itself.
 * @throws InvalidOption saying which option is wrong.
 */
export function resolveOptions(options: RQBackendOptions, canThread: boolean): ResolvedOptions {
  const { prefix = "tasks", leaseMs = 15_000, commandTimeoutMs = 10_000 } = options;
  const { maxPayloadBytes = 1_048_576, events = false } = options;
  assertPrefix(prefix);
  wholeNumber("leaseMs", leaseMs, 100, 3_600_000);
  wholeNumber("commandTimeoutMs", commandTimeoutMs, 100, 600_000);
  wholeNumber("maxPayloadBytes", maxPayloadBytes, 1, 100_000_000);
  if (typeof events !== "boolean") {
    throw new InvalidOption(`events must be true or false, not ${String(events)}.`);
  }
  return {
    supports: Object.freeze({ ...SUPPORTS, maxPayloadBytes, recoveryMs: leaseMs + 2000 }),
    prefix,
    leaseMs,
    heartbeat: toHeartbeat(options.heartbeat, canThread),
    isTimedUnasked: options.heartbeat === undefined && !canThread,
    commandTimeoutMs,
    events,
  };
}

const OPTIONS: Readonly<Record<keyof RQBackendOptions, 1>> = {
  url: 1,
  connection: 1,
  queues: 1,
  prefix: 1,
  leaseMs: 1,
  heartbeat: 1,
  commandTimeoutMs: 1,
  events: 1,
  maxPayloadBytes: 1,
};

const SUPPORTS = {
  defer: true,
  asyncTask: true,
  getResult: true,
  priority: true,
  batch: true,
  cancel: true,
  retry: true,
  timeout: true,
  unique: true,
  concurrency: false,
  schedule: false,
  progress: true,
  metadata: true,
  logs: true,
  list: true,
  pause: true,
  wait: true,
  worker: true,
  transaction: "after-commit",
  timeResolutionMs: 1,
} as const;

function toHeartbeat(wanted: unknown, canThread: boolean): "thread" | "timer" {
  if (wanted === undefined) return canThread ? "thread" : "timer";
  if (wanted !== "thread" && wanted !== "timer") {
    throw new InvalidOption(
      `heartbeat must be "thread" or "timer", not ${JSON.stringify(wanted)}.`,
    );
  }
  if (wanted === "thread" && !canThread) {
    throw new InvalidOption(
      'heartbeat "thread" needs a connection whose options are plain data: a thread cannot have functions such as dnsLookup, nor Connector.',
    );
  }
  return wanted;
}

function assertPrefix(prefix: unknown): void {
  if (typeof prefix === "string" && /^[A-Za-z0-9_.-]{1,64}$/.test(prefix)) return;
  throw new InvalidOption(
    `prefix must be 1 to 64 letters, digits, "_", "." or "-", not ${JSON.stringify(prefix)?.slice(0, 80)}.`,
  );
}
