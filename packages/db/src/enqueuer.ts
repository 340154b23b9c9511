import { setTimeout } from "node:timers/promises";

import { TasksError, type Enqueued } from "@tasks/core";

import type { Connection } from "./connection.ts";
import type { InsertOptions, InsertRequest } from "./dialect.ts";
import { needsLook } from "./dialects/insert-plan.ts";
import { EnqueueBatches } from "./enqueue-batches.ts";
import { KeyedEnqueues } from "./keyed-enqueues.ts";
import type { Store } from "./store.ts";

/** Pause between two looks whether all calls are answered, in milliseconds. */
const IDLE_LOOK_MS = 2;

type Answers = readonly (Enqueued | TasksError)[];

/**
 * Stores tasks. Calls made at the same time travel together; each resolves when its own row is durable, and a lone call does not wait for company. Calls that
 * may have to wait for a transaction of others, because of their key or id, travel apart from those that need not.
 */
export class Enqueuer {
  readonly #store: Store;
  readonly #plain: EnqueueBatches;
  readonly #keyed: KeyedEnqueues;

  /** @param busyLimitMs how long a call waits for a transaction of others that has its key. */
  constructor(store: Store, busyLimitMs: number) {
    this.#store = store;
    this.#plain = new EnqueueBatches((requests) => this.#insert(requests, false));
    this.#keyed = new KeyedEnqueues((requests) => this.#insertImpatiently(requests), busyLimitMs);
  }

  enqueue(request: InsertRequest): Promise<Enqueued> {
    const mayWait = this.#store.dialect.keysMayWait && needsLook(request);
    return (mayWait ? this.#keyed : this.#plain).enqueue(request);
  }

  /** All or none. */
  async enqueueMany(requests: readonly InsertRequest[]): Promise<readonly Enqueued[]> {
    return allStored(await this.#insert(requests, true));
  }

  /** Resolves when no call is waiting. */
  async idle(): Promise<void> {
    while (this.#plain.isBusy || this.#keyed.isBusy) await setTimeout(IDLE_LOOK_MS);
  }

  async #insert(requests: readonly InsertRequest[], allOrNone: boolean): Promise<Answers> {
    const connection = await this.#store.connection();
    return this.#insertOn(connection, requests, allOrNone);
  }

  async #insertImpatiently(requests: readonly InsertRequest[]): Promise<Answers> {
    const connection = await this.#store.connection();
    return this.#insertOn(connection.impatient ?? connection, requests, false);
  }

  async #insertOn(
    connection: Connection,
    requests: readonly InsertRequest[],
    allOrNone: boolean,
  ): Promise<Answers> {
    const { dialect, scope, changes } = this.#store;
    let sender: string | null = null;
    const options: InsertOptions = {
      allOrNone,
      transaction: null,
      isImpatient: true,
      sender: () => (sender ??= changes.teller?.("work") ?? null),
      committed: () => connection,
    };
    const answers = await (dialect.needsTransaction(requests, allOrNone)
      ? connection.transaction((executor) => {
          const inserting = dialect.insert(executor, scope, requests, options);
          if (!allOrNone) return inserting;
          return inserting instanceof Promise ? inserting.then(allStored) : allStored(inserting);
        })
      : dialect.insert(connection, scope, requests, options));
    changes.announce("work", sender !== null);
    return answers;
  }
}

/** @throws the error of the first request that was refused, so that the transaction is rolled back. */
function allStored(answers: Answers): readonly Enqueued[] {
  return answers.map((answer) => {
    if (answer instanceof TasksError) throw answer;
    return answer;
  });
}
