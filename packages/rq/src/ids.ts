/** Names of keys that a queue has beside its jobs: BullMQ's, and ours. */
const NAMES_OF_KEYS: ReadonlySet<string> = new Set(
  (
    "active aside completed de delayed events failed id index limiter marker meta metrics paused pc prioritized priority repeat stalled " +
    "stalled-check wait waiting waiting-children"
  ).split(" "),
);

/** Tells whether a result can have this id: one with a colon would reach other keys than those of jobs, and BullMQ gives its own jobs numbers. */
export function isPossibleId(id: unknown): id is string {
  return (
    typeof id === "string" &&
    /^[A-Za-z0-9_.-]{1,64}$/.test(id) &&
    !/^\d{1,31}$/.test(id) &&
    !NAMES_OF_KEYS.has(id)
  );
}
