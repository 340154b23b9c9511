/** Reads what fields hold: whatever is damaged reads as empty, so that one bad job never hides the others. */
import type { JsonObject, JsonValue } from "@tasks/core";

/** The value of a JSON text; `undefined` when it is none. */
export function parse(text: string | undefined): unknown {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export function jsonValue(text: string | undefined): JsonValue {
  return (parse(text) as JsonValue | undefined) ?? null;
}

export function jsonArray(text: string | undefined): readonly unknown[] {
  if (text === undefined || text === "[]") return [];
  const value = parse(text);
  return Array.isArray(value) ? value : [];
}

export function jsonObject(text: string | undefined): JsonObject {
  const value = parse(text);
  return isObject(value) ? (value as JsonObject) : {};
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A whole number; 0 when it is anything else. */
export function toNumber(value: unknown): number {
  const number = typeof value === "number" ? value : Number(value ?? 0);
  return Number.isSafeInteger(number) ? number : 0;
}

export function toText(value: unknown): string {
  return typeof value === "string" ? value : "";
}

export function toIsoDate(value: unknown): Date {
  const date = new Date(typeof value === "string" || typeof value === "number" ? value : 0);
  return Number.isNaN(date.getTime()) ? new Date(0) : date;
}
