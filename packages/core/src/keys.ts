import { createHash } from "node:crypto";

import type { EnqueueRequest, UniqueClaim } from "./backend.ts";
import { InvalidTask } from "./errors.ts";
import type { JsonValue } from "./json.ts";
import type { TaskSettings } from "./task-options.ts";

/** A request with the keys of its call. @throws InvalidTask when a key function gives no string. */
export function withKeys(
  settings: TaskSettings,
  args: readonly unknown[],
  request: EnqueueRequest,
): EnqueueRequest {
  return {
    ...request,
    unique: uniqueClaim(settings, args, request.args),
    concurrency: concurrencyClaim(settings, args),
  };
}

function uniqueClaim(
  { name, unique }: TaskSettings,
  args: readonly unknown[],
  stored: readonly JsonValue[],
): UniqueClaim | null {
  if (unique === null) return null;
  const { key, scope, onConflict = "return-existing" } = unique;
  const isWindow = typeof scope === "object";
  return {
    key: storedKey(name, key === undefined ? sortedJson(stored) : callKey("unique", key, args)),
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

/** JSON text that is the same for equal values, in whatever order their properties were set. */
function sortedJson(value: JsonValue): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(sortedJson).join(",")}]`;
  const properties = Object.entries(value).map(
    ([name, property]) => `${JSON.stringify(name)}:${sortedJson(property)}`,
  );
  return `{${properties.sort().join(",")}}`;
}

/** Keys of any length and content become short and storable; short plain ones stay readable. */
function storedKey(taskName: string, text: string): string {
  if (/^[\x20-\x7e]{0,120}$/.test(text)) return `${taskName}/${text}`;
  return `${taskName}#${createHash("sha256").update(text).digest("hex")}`;
}
