export { createClock } from "./clock.ts";
export type { TestClock } from "./clock.ts";
export { drain } from "./drain.ts";
export type { DrainOptions } from "./drain.ts";
export { enqueued, expectEnqueued } from "./enqueued.ts";
export type { ExpectedEnqueue, EnqueuedOptions } from "./enqueued.ts";
