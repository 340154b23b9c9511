/**
 * What a result keeps of its attempts. A task may fail thousands of times: cost per attempt and size of the row stay the same, and the first and the latest
 * entries say most.
 */
import type { TaskError, TaskRecord } from "./task-record.ts";

/** Max errors of one result. */
const MAX_ERRORS = 10;
/** Max text of all errors of one result, in characters. Two errors of the largest size fit. */
const MAX_ERROR_TEXT = 160_000;
/** Max workers listed of one result. */
const MAX_WORKER_IDS = 50;

/** Adds an error to a record's: the first is kept, and as many of the latest as fit. */
export function withError(
  record: Pick<TaskRecord, "errors" | "errorsOmitted">,
  error: TaskError,
): Pick<TaskRecord, "errors" | "errorsOmitted"> {
  const [first, ...latest] = [...record.errors, error];
  let text = latest.reduce((sum, each) => sum + textOf(each), textOf(first!));
  let from = 0;
  while (
    from < latest.length - 1 &&
    (latest.length - from >= MAX_ERRORS || text > MAX_ERROR_TEXT)
  ) {
    text -= textOf(latest[from++]!);
  }
  const errors = [first!, ...latest.slice(from)];
  return { errors, errorsOmitted: record.errorsOmitted + from };
}

/** Adds the worker of one more attempt. The first is kept, and the latest ones. */
export function withAttempt(
  record: Pick<TaskRecord, "attempts" | "workerIds">,
  workerId: string,
): Pick<TaskRecord, "attempts" | "workerIds"> {
  const workerIds = firstAndLatest([...record.workerIds, workerId]);
  return { attempts: record.attempts + 1, workerIds };
}

/** Reads the attempts from a stored list of workers, to which claims may have appended. */
export function attemptsOf(list: readonly unknown[]): Pick<TaskRecord, "attempts" | "workerIds"> {
  const workerIds = list.filter((entry) => typeof entry === "string");
  return { attempts: workerIds.length + gapOf(list), workerIds: firstAndLatest(workerIds) };
}

/**
 * A list whose middle was left out, as stores keep it: `{ "omitted": 7 }` stands behind the first entry. A store that appends to the list needs to know
 * nothing of it.
 */
export function withGap<Entry>(
  kept: readonly Entry[],
  omitted: number,
): readonly (Entry | { readonly omitted: number })[] {
  return omitted > 0 ? [...kept.slice(0, 1), { omitted }, ...kept.slice(1)] : kept;
}

/** How many entries were left out of a list that a store kept; 0 when what it says is damaged. */
export function gapOf(list: readonly unknown[]): number {
  return list.reduce<number>((sum, entry) => sum + (isGap(entry) ? entry.omitted : 0), 0);
}

/** Tells the place of entries that were left out from an entry. */
export function isGap(entry: unknown): entry is { readonly omitted: number } {
  if (typeof entry !== "object" || entry === null || !("omitted" in entry)) return false;
  return Number.isSafeInteger(entry.omitted) && (entry.omitted as number) > 0;
}

function firstAndLatest(workerIds: readonly string[]): readonly string[] {
  if (workerIds.length <= MAX_WORKER_IDS) return workerIds;
  return [workerIds[0]!, ...workerIds.slice(1 - MAX_WORKER_IDS)];
}

function textOf({ message, traceback }: TaskError): number {
  return message.length + traceback.length;
}
