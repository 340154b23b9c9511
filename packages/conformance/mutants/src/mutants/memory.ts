import type { EnqueueRequest, TaskRecord } from "@tasks/core";
import type { Completion, WorkerSession, WorkerStore } from "@tasks/core/worker";

import type { Mutant, Overrides, Parts } from "../mutant.ts";

/** Mistakes inside the store of `MemoryBackend`, which stands for the stores of other authors. */
export const memoryMutants: readonly Mutant[] = [
  afterRecovery(
    "lost-counts-as-failure",
    "A lost attempt counts toward maxAttempts.",
    (record) => ({
      failures: record.failures + 1,
    }),
  ),
  afterRecovery("lost-is-not-counted", "Lost attempts are not counted.", () => ({ lost: 0 })),
  afterRecovery("lost-moves-back", "A recovered task gets a new due time.", (_record, now) => ({
    runAfter: now,
  })),
  afterRecovery("lost-leaves-no-attempt", "A lost attempt is not counted as one.", (record) => ({
    attempts: record.attempts - 1,
    workerIds: record.workerIds.slice(0, -1),
  })),
  afterRecovery("lost-keeps-cancel", "A recovered task is to be cancelled.", () => ({
    cancelRequested: true,
  })),
  afterRecovery("lost-forgets-priority", "A recovered task has lost its priority.", () => ({
    priority: 0,
  })),
  afterRetry("retry-keeps-failures", "retry() gives no attempts anew.", ({ failures }) => ({
    failures,
  })),
  afterRetry("retry-keeps-lost", "retry() gives none of maxLost anew.", ({ lost }) => ({ lost })),
  afterRetry("retry-keeps-due-time", "retry() keeps the old due time.", ({ runAfter }) => ({
    runAfter,
  })),
  afterRetry("retry-forgets-errors", "retry() forgets the errors.", () => ({ errors: [] })),
  afterRetry("retry-forgets-workers", "retry() counts attempts from the start.", () => ({
    attempts: 0,
    workerIds: [],
    startedAt: null,
  })),
  afterRetry("retry-keeps-cancel", "A retried task is cancelled again when it runs.", () => ({
    cancelRequested: true,
  })),
  afterOutcome(
    "snooze-uses-an-attempt",
    "A snooze counts toward maxAttempts.",
    "snooze",
    (record) => ({
      failures: record.failures + 1,
    }),
  ),
  afterOutcome(
    "snooze-keeps-start",
    "A snoozed first attempt keeps its start.",
    "snooze",
    ({ lastAttemptedAt }) => ({
      startedAt: lastAttemptedAt,
    }),
  ),
  afterOutcome("snooze-keeps-worker", "A snooze leaves its worker behind.", "snooze", (record) => ({
    attempts: record.attempts + 1,
    workerIds: [...record.workerIds, "by-hand"],
  })),
  afterOutcome(
    "release-uses-an-attempt",
    "A release counts toward maxAttempts.",
    "release",
    (record) => ({
      failures: record.failures + 1,
    }),
  ),
  afterOutcome("release-uses-a-loss", "A release counts toward maxLost.", "release", (record) => ({
    lost: record.lost + 1,
  })),
  afterOutcome(
    "retry-uses-no-attempt",
    "A retry does not count toward maxAttempts.",
    "retry",
    (record) => ({
      failures: record.failures - 1,
    }),
  ),
  afterOutcome(
    "retry-uses-a-loss",
    "A failed attempt counts toward maxLost.",
    "retry",
    (record) => ({
      lost: record.lost + 1,
    }),
  ),
  afterOutcome("retry-forgets-first-start", "A retry forgets the first start.", "retry", () => ({
    startedAt: null,
  })),
  afterOutcome("failure-has-no-end", "A failed result has no finishedAt.", "failed", () => ({
    finishedAt: null,
  })),
  ...(["retry", "snooze", "release"] as const).map((type) =>
    freeing(`unique-freed-by-${type}`, `A ${type} frees an until-finished key.`, type),
  ),
  {
    name: "unique-freed-by-loss",
    topic: "recovery",
    stores: ["memory"],
    sentence: "A lost attempt frees an until-finished key.",
    worker: {
      recoverLost: (recoverLost, parts) => async (session) => {
        const running = entriesOf(parts).filter(({ record }) => record.status === "RUNNING");
        const failed = await recoverLost(session);
        for (const entry of running) if (entry.record.status === "READY") free(entry);
        return failed;
      },
    },
  },
  {
    name: "unique-window-freed-by-end",
    topic: "unique",
    stores: ["memory"],
    sentence: "The end of a task frees the key of its window.",
    worker: {
      complete: (complete, parts) => async (completions) => {
        const answers = await complete(completions);
        for (const { id } of completions) {
          const entry = storeOf(parts).entries.get(id);
          if (entry?.unique?.scope === "window" && entry.record.finishedAt !== null) free(entry);
        }
        return answers;
      },
    },
  },
  {
    name: "unique-window-from-due-time",
    topic: "unique",
    sentence: "The window of a deferred task begins when it falls due.",
    backend: {
      enqueue:
        (enqueue, { backend }) =>
        (request, options) =>
          enqueue(withLongerWindow(request, backend.now()), options),
    },
  },
  ...(["retry", "release", "snooze"] as const).map((type): Mutant => ({
    name: `fence-stays-after-${type}`,
    topic: "claim",
    stores: ["memory"],
    sentence: `The claim after a ${type} has the fence of the one before.`,
    worker: {
      complete: (complete, parts) => async (completions) => {
        const answers = await complete(completions);
        for (const { id, outcome } of completions) {
          const entry = storeOf(parts).entries.get(id);
          if (outcome.type === type && entry?.record.status === "READY") entry.fence--;
        }
        return answers;
      },
    },
  })),
  {
    name: "fence-stays-after-loss",
    topic: "recovery",
    stores: ["memory"],
    sentence: "The claim after a loss has the fence of the one before.",
    worker: {
      recoverLost: (recoverLost, parts) => async (session) => {
        const running = entriesOf(parts).filter(({ record }) => record.status === "RUNNING");
        const failed = await recoverLost(session);
        for (const entry of running) if (entry.record.status === "READY") entry.fence--;
        return failed;
      },
    },
  },
  {
    name: "signed-off-session-keeps-its-tasks",
    topic: "recovery",
    stores: ["memory"],
    sentence: "What a session holds when it signs off stays RUNNING.",
    worker: {
      unregister: (unregister, parts) => async (session) => {
        await unregister(session);
        for (const entry of entriesOf(parts)) {
          if (entry.sessionId === session.sessionId) endLater(parts, session);
        }
      },
    },
  },
  {
    name: "renewal-revives-signed-off-session",
    topic: "recovery",
    stores: ["memory"],
    sentence: "A renewal after signing off brings the session back.",
    worker: {
      renewLease:
        (renewLease, { store }) =>
        async (session) => {
          await store.register(session);
          await renewLease(session);
        },
    },
  },
  {
    name: "recovers-the-living",
    topic: "recovery",
    stores: ["memory"],
    sentence: "Recovery takes the tasks of every other session.",
    worker: {
      recoverLost: (recoverLost, parts) => async (session) => {
        const { sessions } = storeOf(parts);
        for (const { sessionId } of sessions.values()) {
          if (sessionId !== session.sessionId) sessions.delete(sessionId);
        }
        return recoverLost(session);
      },
    },
  },
  {
    name: "resume-wakes-nobody",
    topic: "wake",
    stores: ["memory"],
    sentence: "A resumed queue is noticed at the next poll only.",
    backend: {
      resume: (_resume, parts) => async (queueName) => {
        storeOf(parts).paused.delete(queueName);
      },
    },
  },
  ...(["retry", "enqueue"] as const).map((method): Mutant => ({
    name: `${method}-wakes-nobody`,
    topic: "wake",
    stores: ["memory"],
    sentence: `What ${method}() makes ready is noticed at the next poll only.`,
    backend: {
      [method]: (sound: (argument: never) => unknown, parts: Parts) => (argument: never) =>
        quietly(parts, () => sound(argument)),
    },
  })),
  {
    name: "due-time-wakes-nobody",
    topic: "wake",
    stores: ["memory"],
    sentence: "A task that falls due is noticed at the next poll only.",
    worker: {
      waitForWork: (_waitForWork, parts) => (_request, maxMs, signal) =>
        storeOf(parts).waitForChange(maxMs, signal),
    },
  },
  {
    name: "close-leaves-workers",
    topic: "life",
    stores: ["memory"],
    sentence: "close() does not stop the workers.",
    backend: { close: () => async () => undefined },
  },
  {
    name: "prune-counts-age-from-enqueue",
    topic: "prune",
    stores: ["memory"],
    sentence: "Prune counts the age of a result from its enqueue.",
    backend: {
      prune: (prune, parts) => async (options) => {
        const finished = entriesOf(parts).filter(({ record }) => record.finishedAt !== null);
        const before = finished.map(({ record }) => record);
        for (const entry of finished) {
          entry.record = { ...entry.record, finishedAt: entry.record.enqueuedAt };
        }
        const deleted = await prune(options);
        for (const [at, entry] of finished.entries()) entry.record = before[at]!;
        return deleted;
      },
    },
  },
  {
    name: "enqueue-hands-out-its-own-record",
    topic: "result",
    stores: ["memory"],
    sentence: "What the caller does to an enqueued record changes the stored one.",
    backend: {
      enqueue: (enqueue, parts) => async (request) => {
        const { record, deduplicated } = await enqueue(request);
        return { record: storeOf(parts).entries.get(record.id)?.record ?? record, deduplicated };
      },
    },
  },
  {
    name: "read-hands-out-its-own-record",
    topic: "result",
    stores: ["memory"],
    sentence: "What the caller does to a record it read changes the stored one.",
    backend: {
      readRecord: (_readRecord, parts) => async (id) => storeOf(parts).entries.get(id)?.record,
    },
  },
  {
    name: "list-hands-out-its-own-records",
    topic: "list",
    stores: ["memory"],
    sentence: "What the caller does to a listed record changes the stored one.",
    backend: {
      listRecords: (listRecords, parts) => async (options) => {
        const { records, nextCursor } = await listRecords(options);
        const { entries } = storeOf(parts);
        return {
          records: records.map((record) =>
            record.blocked ? record : (entries.get(record.id)?.record ?? record),
          ),
          nextCursor,
        };
      },
    },
  },
];

/** What the mutants reach into. */
interface OpenStore extends WorkerStore {
  readonly entries: ReadonlyMap<string, Entry>;
  readonly sessions: Map<string, object & { readonly sessionId: string }>;
  readonly paused: Set<string>;
  write(entry: Entry, record: TaskRecord): void;
  changed: () => void;
  waitForChange(maxMs: number, signal?: AbortSignal): Promise<void>;
}

interface Entry {
  record: TaskRecord;
  fence: number;
  sessionId: string | null;
  unique: EnqueueRequest["unique"];
}

function storeOf({ store }: Parts): OpenStore {
  return store as OpenStore;
}

function entriesOf(parts: Parts): Entry[] {
  return [...storeOf(parts).entries.values()];
}

type Change = (record: TaskRecord, now: Date) => Partial<TaskRecord>;

function afterRecovery(name: string, sentence: string, change: Change): Mutant {
  return {
    name,
    topic: "recovery",
    stores: ["memory"],
    sentence,
    worker: {
      recoverLost: (recoverLost, parts) => async (session) => {
        const running = entriesOf(parts).filter(({ record }) => record.status === "RUNNING");
        const failed = await recoverLost(session);
        for (const entry of running) {
          if (entry.record.status === "READY") rewrite(parts, entry, change);
        }
        return failed;
      },
    },
  };
}

function afterRetry(name: string, sentence: string, change: Change): Mutant {
  return {
    name,
    topic: "retry",
    stores: ["memory"],
    sentence,
    backend: {
      retry: (retry, parts) => async (id) => {
        const entry = storeOf(parts).entries.get(id);
        const before = entry?.record;
        const isRetried = await retry(id);
        if (isRetried) rewrite(parts, entry!, (_record, now) => change(before!, now));
        return isRetried;
      },
    },
  };
}

function afterOutcome(
  name: string,
  sentence: string,
  type: Completion["outcome"]["type"],
  change: Change,
): Mutant {
  return {
    name,
    topic: type === "retry" ? "retry" : "outcome",
    stores: ["memory"],
    sentence,
    worker: afterCompletion(type, (entry, parts) => rewrite(parts, entry, change)),
  };
}

function afterCompletion(
  type: Completion["outcome"]["type"],
  then: (entry: Entry, parts: Parts) => void,
): Overrides<WorkerStore> {
  return {
    complete: (complete, parts) => async (completions) => {
      const answers = await complete(completions);
      for (const [at, { id, outcome }] of completions.entries()) {
        const entry = storeOf(parts).entries.get(id);
        if (outcome.type === type && answers[at] === "recorded" && entry) then(entry, parts);
      }
      return answers;
    },
  };
}

function freeing(name: string, sentence: string, type: Completion["outcome"]["type"]): Mutant {
  return {
    name,
    topic: "unique",
    stores: ["memory"],
    sentence,
    worker: afterCompletion(type, free),
  };
}

/** A window that is over holds no key. */
function free(entry: Entry): void {
  if (entry.unique !== null) entry.unique = { ...entry.unique, scope: "window", windowMs: -1e12 };
}

function rewrite(parts: Parts, entry: Entry, change: Change): void {
  const { record } = entry;
  storeOf(parts).write(entry, { ...record, ...change(record, parts.backend.now()) });
}

function endLater(parts: Parts, session: WorkerSession): void {
  const startedAt = new Date();
  const shown = { ...session, leaseMs: 3_600_000, startedAt, lastSeenAt: startedAt, beat: 1 };
  storeOf(parts).sessions.set(session.sessionId, shown);
}

async function quietly<T>(parts: Parts, action: () => T): Promise<Awaited<T>> {
  const store = storeOf(parts);
  const { changed } = store;
  store.changed = () => undefined;
  try {
    return await action();
  } finally {
    store.changed = changed;
  }
}

function withLongerWindow(request: EnqueueRequest, now: Date): EnqueueRequest {
  const { unique, delayMs, runAfter } = request;
  if (unique?.scope !== "window") return request;
  const waitMs = delayMs ?? Math.max(0, (runAfter ?? now).getTime() - now.getTime());
  return { ...request, unique: { ...unique, windowMs: unique.windowMs + waitMs } };
}
