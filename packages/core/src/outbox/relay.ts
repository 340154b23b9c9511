import type { Backend } from "../backend.ts";
import { configuredBackend } from "../configuration.ts";
import { BackendUnavailable, InvalidTaskBackend } from "../errors.ts";
import type { JsonObject } from "../json.ts";
import { SnoozeTask } from "../outcomes.ts";
import { registeredTasks } from "../registry.ts";
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
      const { id, enqueuedAt } = context.taskResult;
      await relay(targetOf(alias), id, entry as unknown as OutboxEntry, enqueuedAt);
    },
  );
}

/**
 * Stores an entry in its backend under the id it has in the outbox. A relay that died after storing it, and before that was noted, is followed by one
 * that finds it there.
 */
async function relay(
  target: Backend,
  id: string,
  entry: OutboxEntry,
  storedAt: Date,
): Promise<void> {
  try {
    if ((await target.readRecord(id)) !== undefined) return;
    const { record } = await target.enqueue(fromOutboxEntry(entry, id, storedAt));
    if (record.id === id) return;
  } catch (error) {
    if (BackendUnavailable.is(error)) throw new SnoozeTask({ delayMs: PAUSE_MS });
    throw error;
  }
  throw new InvalidTaskBackend(
    `${target.constructor.name} gave the task another id than ${id}: an outbox needs a backend that keeps ids.`,
  );
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
