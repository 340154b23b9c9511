import { setTimeout as sleep } from "node:timers/promises";

import type { Enqueued } from "@tasks/core";
import { isError, monotonicNow } from "@tasks/core/worker";

import { isBusy } from "./connections/errors.ts";
import { deferred } from "./deferred.ts";
import type { InsertRequest } from "./dialect.ts";
import { rejectAll, storeBatch, type Insert, type PendingEnqueue } from "./enqueue-batches.ts";

/** Most calls in one batch. */
const MAX_BATCH = 200;
/** Keys that are tried at the same time while they are busy, so that they leave the connections to the others. */
const MAX_BUSY_TRIES = 2;
/** Pauses between two tries of a busy key, in milliseconds. */
const MIN_PAUSE_MS = 5;
const MAX_PAUSE_MS = 250;

/**
 * Calls of `enqueue` with a unique key or a given id. An open transaction that has the same key may have to end first: such calls leave the common batch and
 * are tried again by themselves, key by key, so that they hold up nobody else.
 */
export class KeyedEnqueues {
  /** Fails as busy at once rather than wait. */
  readonly #insert: Insert;
  readonly #busyLimitMs: number;
  #pending: PendingEnqueue[] = [];
  #isFlushing = false;
  /** Calls by their key, while it is busy. */
  readonly #aside = new Map<string, PendingEnqueue[]>();
  readonly #turns = new Turns(MAX_BUSY_TRIES);

  constructor(insert: Insert, busyLimitMs: number) {
    this.#insert = insert;
    this.#busyLimitMs = busyLimitMs;
  }

  /** A call is waiting. */
  get isBusy(): boolean {
    return this.#isFlushing || this.#aside.size > 0;
  }

  enqueue(request: InsertRequest): Promise<Enqueued> {
    const { promise, resolve, reject } = deferred<Enqueued>();
    const call = { request, resolve, reject };
    const aside = this.#aside.get(keyOf(call));
    if (aside !== undefined) {
      aside.push(call);
      return promise;
    }
    this.#pending.push(call);
    if (!this.#isFlushing) {
      this.#isFlushing = true;
      // Run after all synchronous calls of this tick, so that they join the batch.
      void Promise.resolve().then(() => this.#flush());
    }
    return promise;
  }

  async #flush(): Promise<void> {
    try {
      while (this.#pending.length > 0) {
        const batch = this.#pending.splice(0, MAX_BATCH);
        await storeBatch(batch, this.#insert).catch((error: unknown) => {
          if (isCausedByBusy(error)) this.#setAside(batch);
          else rejectAll(batch, error);
        });
      }
    } finally {
      this.#isFlushing = false;
    }
  }

  #setAside(batch: readonly PendingEnqueue[]): void {
    for (const call of batch) {
      const key = keyOf(call);
      const aside = this.#aside.get(key);
      if (aside !== undefined) {
        aside.push(call);
        continue;
      }
      this.#aside.set(key, [call]);
      void this.#storeAside(key);
    }
  }

  /** Stores the calls of one key, those that come meanwhile included. */
  async #storeAside(key: string): Promise<void> {
    const deadline = monotonicNow() + this.#busyLimitMs;
    const calls = this.#aside.get(key)!;
    for (let pauseMs = MIN_PAUSE_MS; calls.length > 0;) {
      const batch = calls.slice(0, MAX_BATCH);
      try {
        await this.#turns.run(() => storeBatch(batch, this.#insert));
        calls.splice(0, batch.length);
      } catch (error) {
        if (isCausedByBusy(error) && monotonicNow() < deadline) {
          await sleep(pauseMs * (0.5 + Math.random() / 2));
          pauseMs = Math.min(2 * pauseMs, MAX_PAUSE_MS);
        } else {
          rejectAll(batch, error);
          calls.splice(0, batch.length);
        }
      }
    }
    this.#aside.delete(key);
  }
}

/** Calls with the same one wait for each other. */
function keyOf({ request: { id, unique } }: PendingEnqueue): string {
  return unique === null ? `id ${id}` : `key ${unique.key}`;
}

function isCausedByBusy(error: unknown): boolean {
  return isBusy(error) || (isError(error) && isBusy(error.cause));
}

/** Lets a number of pieces of work run at a time, first come, first served. */
class Turns {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) {
      this.#free--;
    } else {
      const { promise, resolve } = deferred();
      this.#waiting.push(resolve);
      await promise;
    }
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free++;
      else next();
    }
  }
}
