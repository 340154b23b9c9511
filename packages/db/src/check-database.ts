import { setTimeout as sleep } from "node:timers/promises";

import {
  BackendUnavailable,
  InvalidTaskBackend,
  NotSupported,
  TasksError,
  type CheckMessage,
} from "@tasks/core";

import type { Connection } from "./connection.ts";
import { isReadOnly } from "./connections/errors.ts";
import { readSchemaVersion } from "./migrations.ts";
import { assertOwnTables } from "./own-tables.ts";
import { runSteps } from "./steps.ts";
import type { Store } from "./store.ts";

/** How long a write may take that changes nothing, in milliseconds: a database may be locked for a while. */
const WRITE_MS = 1000;

/** Looks for mistakes: a database out of reach or read-only, a schema that is missing, old or not ours, leases that a busy event loop can lose. */
export async function checkDatabase(store: Store): Promise<readonly CheckMessage[]> {
  const { dialect, database } = store;
  const messages: CheckMessage[] = [];
  try {
    const connection = await store.connection();
    const { tables } = store;
    await runSteps(assertOwnTables(connection, dialect, tables));
    const version = await runSteps(readSchemaVersion(connection, dialect, tables));
    const newest = dialect.migrations(tables).length;
    if (version === 0) messages.push(MISSING);
    else if (version < newest) messages.push(outdated(version, newest));
    else if (version > newest) messages.push(tooNew(version, newest));
    if (version > 0) messages.push(...(await checkTables(store, connection)));
  } catch (error) {
    messages.push(unreachable(error));
  }
  if (database.isTimedUnasked) messages.push(TIMED_LEASE);
  return messages;
}

async function checkTables(store: Store, connection: Connection): Promise<readonly CheckMessage[]> {
  const { dialect, scope, tables } = store;
  const messages: CheckMessage[] = [];
  const problem = await dialect.checkTables?.(connection, tables);
  if (problem !== undefined) {
    messages.push({ level: "error", id: "tasks.db.E005", text: problem, hint: null });
  }
  // Ends a session that does not exist.
  const write = dialect.endSession(connection, scope, "").then(
    () => undefined,
    (error: unknown) => error,
  );
  const over = new AbortController();
  const limit = sleep(WRITE_MS, undefined, { signal: over.signal }).catch(() => undefined);
  const error = await Promise.race([write, limit]);
  over.abort();
  if (BackendUnavailable.is(error) && isReadOnly(error.cause)) {
    messages.push({ ...READ_ONLY, text: error.message });
  }
  return messages;
}

const READ_ONLY: Omit<CheckMessage, "text"> = {
  level: "error",
  id: "tasks.db.E006",
  hint: "Connect to the server that takes writes, as a user whose transactions may write.",
};

const MISSING: CheckMessage = {
  level: "error",
  id: "tasks.db.E001",
  text: "The tables of the task backend do not exist.",
  hint: "Run `tasks migrate`, or call `await backend.migrate()`.",
};

const TIMED_LEASE: CheckMessage = {
  level: "warning",
  id: "tasks.db.W001",
  text: "Workers renew their lease from the event loop: a task that computes for longer than leaseMs without a pause loses it, and runs again elsewhere.",
  hint: 'Give workers the database by url (sqlite:./tasks.db), so that a thread with its own connection keeps the lease. Where tasks never compute for long, say so with heartbeat: "timer".',
};

function outdated(version: number, newest: number): CheckMessage {
  return {
    level: "error",
    id: "tasks.db.E002",
    text: `The tables of the task backend are at version ${version}; this release needs ${newest}.`,
    hint: "Run `tasks migrate`, or call `await backend.migrate()`.",
  };
}

function tooNew(version: number, newest: number): CheckMessage {
  return {
    level: "warning",
    id: "tasks.db.W002",
    text: `The tables of the task backend are at version ${version}; this release knows up to ${newest}.`,
    hint: "Update @tasks/db in this process.",
  };
}

function unreachable(error: unknown): CheckMessage {
  if (InvalidTaskBackend.is(error)) {
    return { level: "error", id: "tasks.db.E004", text: error.message, hint: null };
  }
  return {
    level: "error",
    id: "tasks.db.E003",
    text: TasksError.is(error) ? error.message : "The database could not be read.",
    // A driver that is not installed: the text says what to do.
    hint: NotSupported.is(error)
      ? null
      : "Check that the database exists, and that this process may read and write it.",
  };
}
