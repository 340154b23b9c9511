import { createHash } from "node:crypto";

import type { EnqueueRequest, UniqueClaim } from "./backend.ts";
import { InvalidTask } from "./errors.ts";
import type { TaskSettings } from "./task-options.ts";

/** A request with the keys of its call. @throws InvalidTask when a key function gives no string. */
export function withKeys(
  settings: TaskSettings,
  args: readonly unknown[],
  request: EnqueueRequest,
): EnqueueRequest {
  return {
    ...request,
    unique: uniqueClaim(settings, args, request.argsJson),
    concurrency: concurrencyClaim(settings, args),
  };
}

function uniqueClaim(
  { name, unique }: TaskSettings,
  args: readonly unknown[],
  argsJson: string,
): UniqueClaim | null {
  if (unique === null) return null;
  const { key, scope, onConflict = "return-existing" } = unique;
  const isWindow = typeof scope === "object";
  return {
    key: storedKey(name, key === undefined ? argsJson : callKey("unique", key, args)),
    scope: isWindow ? "window" : scope,
    windowMs: isWindow ? scope.windowMs : 0,
    onConflict,
  };
}

function concurrencyClaim(
  { name, concurrency }: TaskSettings,
  args: readonly unknown[],
): EnqueueRequest["concurrency"] {
  if (concurrency === null) return null;
  const { key, limit } = concurrency;
  return {
    key: storedKey(name, key === undefined ? "" : callKey("concurrency", key, args)),
    limit,
  };
}

function callKey(
  option: string,
  key: (...args: never[]) => unknown,
  args: readonly unknown[],
): string {
  const text = key(...(args as never[]));
  if (typeof text === "string") return text;
  throw new InvalidTask(`${option}.key must return a string, not ${typeof text}.`);
}

/** Keys of any length and content become short and storable; short plain ones stay readable. */
function storedKey(taskName: string, text: string): string {
  if (/^[\x20-\x7e]{0,120}$/.test(text)) return `${taskName}/${text}`;
  return `${taskName}#${createHash("sha256").update(text).digest("hex")}`;
}
