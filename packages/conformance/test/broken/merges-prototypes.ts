import type { Enqueued, EnqueueRequest, JsonValue } from "@tasks/core";

import { BrokenBackend } from "./broken-backend.ts";

/** Copies objects by assignment, so that a key named `__proto__` reaches the prototype. */
export class MergesPrototypes extends BrokenBackend {
  static readonly fails: readonly string[] = ["hostile.prototype-keys"];

  override async enqueue(request: EnqueueRequest): Promise<Enqueued> {
    return super.enqueue({ ...request, args: request.args.map(copy) });
  }
}

function copy(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(copy);
  if (typeof value !== "object" || value === null) return value;
  const copied: Record<string, JsonValue> = {};
  for (const [key, child] of Object.entries(value)) copied[key] = copy(child);
  return copied;
}
