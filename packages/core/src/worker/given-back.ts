import type { TaskRecord } from "../task-record.ts";
import { lose, settle } from "../transitions.ts";

const MARK = "~";

/**
 * Who holds what the lease thread of a session gave back: a session that nobody registers, so that
 * every worker finds it dead at once and takes back what it holds.
 */
export function givenBackBy(sessionId: string): string {
  return sessionId + MARK;
}

/**
 * What becomes of a RUNNING record whose session is dead. An attempt that was given back has not
 * begun: it leaves nothing behind. Any other is lost.
 *
 * @param holder the session that holds it, or `givenBackBy` of one.
 */
export function recover(record: TaskRecord, holder: string, now: Date): TaskRecord {
  if (!holder.endsWith(MARK)) return lose(record, now);
  const release = { outcome: { type: "release" }, changes: null, cancelled: false } as const;
  return settle(record, release, now).record;
}
