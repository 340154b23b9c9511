import { setImmediate as nextTurn } from "node:timers/promises";

import type { Enqueued, EnqueueRequest } from "@tasks/core";

import { BrokenBackend } from "./broken-backend.ts";

/** Looks whether a unique key is taken and stores afterwards: who looks at the same time stores too. */
export class StoresDuplicates extends BrokenBackend {
  static readonly fails: readonly string[] = ["unique.race-50", "unique.race-50-reject"];
  readonly #looking = new Set<string>();

  override async enqueue(request: EnqueueRequest): Promise<Enqueued> {
    const { unique, id } = request;
    if (unique === null) return super.enqueue(request);
    if (this.#looking.has(unique.key)) {
      return super.enqueue({ ...request, unique: { ...unique, key: `${unique.key}${id}` } });
    }
    this.#looking.add(unique.key);
    await nextTurn();
    this.#looking.delete(unique.key);
    return super.enqueue(request);
  }
}
