import { AsyncLocalStorage } from "node:async_hooks";
import { inspect } from "node:util";

import type { Backend } from "@tasks/core";

/** A failure shows this many of the latest steps. */
const MAX_STEPS = 12;
/** Calls that change something, which is what a failure comes from. */
const TRACED = [
  "enqueue",
  "enqueueMany",
  "cancel",
  "retry",
  "delete",
  "prune",
  "pause",
  "resume",
  "runTask",
] as const;

const traces = new AsyncLocalStorage<string[]>();

/** Collects the steps of what `run` does in `steps`. */
export function withTrace<T>(steps: string[], run: () => Promise<T>): Promise<T> {
  return traces.run(steps, run);
}

/** Notes what a test does, for the message of its failure. */
export function noteStep(step: string): void {
  const steps = traces.getStore();
  if (steps === undefined) return;
  steps.push(step);
  if (steps.length > MAX_STEPS) steps.splice(0, steps.length - MAX_STEPS, "…");
}

/** Has a backend's calls noted. */
export function traceCalls(backend: Backend): void {
  for (const name of TRACED) {
    const method = (backend[name] as (...args: unknown[]) => unknown).bind(backend);
    const value = (...args: unknown[]): unknown => {
      noteStep(`${name}(${args.map(formatArgument).filter(Boolean).join(", ")})`);
      return method(...args);
    };
    Object.defineProperty(backend, name, { value, configurable: true, writable: true });
  }
}

/** A value on one short line. */
export function formatShort(value: unknown): string {
  const options = { depth: 4, breakLength: Infinity, compact: true, maxStringLength: 60 };
  const text = inspect(value, { ...options, maxArrayLength: 20 });
  return text.length > 300 ? `${text.slice(0, 300)}…` : text;
}

function formatArgument(argument: unknown): string {
  if (argument === undefined) return "";
  if (Array.isArray(argument) && argument.length > 3) return `${argument.length} tasks`;
  if (Array.isArray(argument)) return `[${argument.map(formatArgument).join(", ")}]`;
  if (typeof argument === "object" && argument !== null && "taskName" in argument) {
    const { args } = argument as { readonly args?: readonly unknown[] };
    return formatShort(args ?? []);
  }
  return formatShort(argument);
}
