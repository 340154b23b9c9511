import { AsyncLocalStorage, AsyncResource } from "node:async_hooks";

/** Runs functions in one async context, each in a copy of its own. */
export type AsyncScope = <T>(fn: () => T) => T;

/**
 * Captures the present async context: the values of every `AsyncLocalStorage`. Values that a function sets there with `enterWith()` reach neither the
 * caller nor the next function.
 */
export function captureContext(): AsyncScope {
  const inSnapshot = AsyncLocalStorage.snapshot();
  return (fn) => inSnapshot(() => isolated(fn));
}

/** Runs a function in a copy of the present async context. */
export function isolated<T>(fn: () => T): T {
  // A resource of its own: before Node 24 `enterWith()` writes to the resource, and a snapshot has only one.
  return new AsyncResource("TasksAttempt").runInAsyncScope(fn);
}
