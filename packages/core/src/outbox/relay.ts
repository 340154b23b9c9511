import type { Backend } from "../backend.ts";
import { configuredBackend } from "../configuration.ts";
import { BackendUnavailable, InvalidTaskBackend } from "../errors.ts";
import { monotonicNow } from "../internal/monotonic-now.ts";
import type { JsonObject } from "../json.ts";
import { SnoozeTask } from "../outcomes.ts";
import { registeredTasks } from "../registry.ts";
import type { TaskContext } from "../task-context.ts";
import { task } from "../task.ts";
import { fromOutboxEntry, RELAY_TASK, type OutboxEntry } from "./outbox-entry.ts";

/** How long an entry waits before it is tried again, in milliseconds: its backend is out of reach, or not configured in this process. */
const PAUSE_MS = 1000;

/** A backend that entries can be moved to. */
interface RelayTarget extends Backend {
  readonly relayTarget: Backend;
}

/** Makes the task that moves entries known to this process. */
export function registerRelay(): void {
  if (registeredTasks().has(RELAY_TASK)) return;
  task(
    { name: RELAY_TASK, takesContext: true },
    async (context, alias: string, entry: JsonObject) => {
      await relay(context, targetOf(alias), entry as unknown as OutboxEntry);
    },
  );
}

/**
 * Stores an entry in its backend under the id it has in the outbox. A relay that died after storing
 * it, and before that was noted, is followed by one that finds it there. A relay that was stalled
 * may wake after that one, when the task has run and its result is deleted: it moves nothing any
 * more, unless it was stalled between its question to the outbox and the target's answer; see
 * docs/transactions.md.
 */
async function relay(context: TaskContext, target: Backend, entry: OutboxEntry): Promise<void> {
  const beganAtMs = monotonicNow();
  const { taskResult } = context;
  const { id } = taskResult;
  try {
    if ((await target.readRecord(id)) !== undefined) return;
    if (!(await isStillOurs(context))) return;
    // Both moments are of the outbox's clock, and the rest is of one process: the target's clock may show another time.
    const claimedAtMs = (taskResult.lastAttemptedAt ?? taskResult.enqueuedAt).getTime();
    const waitedMs = claimedAtMs - taskResult.enqueuedAt.getTime() + monotonicNow() - beganAtMs;
    const { record } = await target.enqueue(fromOutboxEntry(entry, id, Math.round(waitedMs)));
    if (record.id === id) return;
  } catch (error) {
    if (BackendUnavailable.is(error)) throw new SnoozeTask({ delayMs: PAUSE_MS });
    throw error;
  }
  throw new InvalidTaskBackend(
    `${target.constructor.name} gave the task another id than ${id}: an outbox needs a backend that keeps ids.`,
  );
}

/** Asks the outbox, which knows better than this process whether its lease still holds: no other relay has the entry. */
async function isStillOurs({ attempt, taskResult }: TaskContext): Promise<boolean> {
  const { status, attempts } = await taskResult.refresh();
  return status === "RUNNING" && attempts === attempt;
}

/** Another process may know the backend; an entry is never given up for want of configuration. */
function targetOf(alias: string): Backend {
  let backend: Backend;
  try {
    backend = configuredBackend(alias);
  } catch {
    throw new SnoozeTask({ delayMs: PAUSE_MS });
  }
  if (isRelayTarget(backend)) return backend.relayTarget;
  throw new SnoozeTask({ delayMs: PAUSE_MS });
}

function isRelayTarget(backend: Backend): backend is RelayTarget {
  return "relayTarget" in backend;
}
