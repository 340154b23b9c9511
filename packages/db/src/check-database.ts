import { NotSupported, TasksError, type CheckMessage } from "@tasks/core";

import { readSchemaVersion } from "./migrations.ts";
import type { Store } from "./store.ts";

/** Looks for mistakes: a database out of reach, a schema that is missing or old, leases that a busy event loop can lose. */
export async function checkDatabase(store: Store): Promise<readonly CheckMessage[]> {
  const { dialect, tables, database } = store;
  const messages: CheckMessage[] = [];
  try {
    const version = await readSchemaVersion(await store.connection(), dialect, tables);
    const newest = dialect.migrations(tables).length;
    if (version === 0) messages.push(MISSING);
    else if (version < newest) messages.push(outdated(version, newest));
    else if (version > newest) messages.push(tooNew(version, newest));
  } catch (error) {
    messages.push(unreachable(error));
  }
  if (database.isTimedUnasked) messages.push(TIMED_LEASE);
  return messages;
}

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
