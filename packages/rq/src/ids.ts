/** Tells whether a result can have this id: one with a colon would reach other keys than those of jobs. */
export function isPossibleId(id: unknown): id is string {
  return typeof id === "string" && /^[A-Za-z0-9_.-]{1,64}$/.test(id);
}
