import type {
  Backend,
  ListOptions,
  PruneOptions,
  QueueInfo,
  TaskRecord,
  WorkerInfo,
} from "@tasks/core";

import type { Mutant, Overrides } from "../mutant.ts";

/** Mistakes in lists, counts, prune and pauses. */
export const monitorMutants: readonly Mutant[] = [
  listing("list-one-more", "A page holds one result more than its limit.", ({ limit = 50 }) => ({
    limit: limit + 1,
  })),
  listing("list-ignores-task", "A list ignores its task.", () => ({ taskName: undefined })),
  listing("list-ignores-queue", "A list ignores its queue.", () => ({ queueName: undefined })),
  listing("list-ignores-status", "A list ignores its status.", () => ({ status: undefined })),
  listing("list-ignores-state", "A list ignores its state.", () => ({ state: undefined })),
  listing("list-ignores-cursor", "A list ignores its cursor.", () => ({ cursor: undefined })),
  listing(
    "list-ignores-status-on-later-pages",
    "Later pages of a list ignore its status.",
    ({ cursor, status }) => ({ status: cursor === undefined ? status : undefined }),
  ),
  {
    name: "list-of-status-by-state",
    topic: "list",
    sentence: "A list of READY results gives those that are ready before those that are scheduled.",
    backend: page((records, { status }) =>
      status === "READY"
        ? [...records].sort((a, b) => (a.runAfter === null ? 0 : 1) - (b.runAfter === null ? 0 : 1))
        : records,
    ),
  },
  {
    name: "list-oldest-first",
    topic: "list",
    sentence: "The results of a page are oldest first.",
    backend: page((records) => records.toReversed()),
  },
  {
    name: "list-skips-one-after-a-page",
    topic: "list",
    sentence: "The first result of a later page is left out.",
    backend: page((records, { cursor }) => (cursor === undefined ? records : records.slice(1))),
  },
  {
    name: "list-without-cursor",
    topic: "list",
    sentence: "A page never has a cursor.",
    backend: {
      listRecords: (listRecords) => async (options) => ({
        ...(await listRecords(options)),
        nextCursor: null,
      }),
    },
  },
  {
    name: "list-summaries",
    topic: "list",
    sentence: "Listed results are without arguments and errors.",
    backend: page((records) => records.map((record) => ({ ...record, args: [], errors: [] }))),
  },
  {
    name: "counts-ignore-queue",
    topic: "monitor",
    sentence: "Counts of a queue are those of all.",
    backend: { counts: (counts) => () => counts() },
  },
  {
    name: "counts-off-by-one",
    topic: "monitor",
    sentence: "Counts of failed results are one too high when there are some.",
    backend: {
      counts: (counts) => async (options) => {
        const found = await counts(options);
        return { ...found, FAILED: found.FAILED + (found.FAILED > 0 ? 1 : 0) };
      },
    },
  },
  {
    name: "counts-without-scheduled",
    topic: "monitor",
    sentence: "Counts leave out what is not due.",
    backend: {
      counts:
        (counts, { backend }) =>
        async (options = {}) => {
          const found = await counts(options);
          const queues = await backend.queues();
          const isCounted = ({ name }: QueueInfo): boolean =>
            options.queueName === undefined || options.queueName === name;
          const scheduled = queues
            .filter(isCounted)
            .reduce((sum, queue) => sum + queue.scheduled, 0);
          return { ...found, READY: found.READY - scheduled };
        },
    },
  },
  queueing("queues-ready-with-scheduled", "What is not due counts as ready.", (queue) => ({
    ready: queue.ready + queue.scheduled,
  })),
  queueing("queues-never-paused", "A paused queue is not shown as paused.", () => ({
    paused: false,
  })),
  queueing("queues-without-scheduled", "Deferred tasks are missing from the queue.", () => ({
    scheduled: 0,
  })),
  queueing("queues-without-running", "Running tasks are missing from the queue.", () => ({
    running: 0,
  })),
  queueing("queues-age-in-seconds", "The age of a queue's oldest task is in seconds.", (queue) => ({
    oldestReadyMs: queue.oldestReadyMs && Math.floor(queue.oldestReadyMs / 1000),
  })),
  queueing("queues-age-of-nothing", "The age of an empty queue is 0.", (queue) => ({
    oldestReadyMs: queue.oldestReadyMs ?? 0,
  })),
  {
    name: "queues-without-empty",
    topic: "monitor",
    sentence: "Queues that hold nothing are not shown.",
    backend: {
      queues: (queues) => async () =>
        (await queues()).filter(({ ready, scheduled, running }) => ready + scheduled + running > 0),
    },
  },
  {
    name: "queues-unsorted",
    topic: "monitor",
    sentence: "Queues are not in the order of their names.",
    backend: { queues: (queues) => async () => (await queues()).toReversed() },
  },
  working("workers-hold-nothing", "Workers are shown without what they run.", () => ({
    running: 0,
  })),
  working("workers-of-one-name", "Every worker is shown under one name.", () => ({
    workerId: "worker",
  })),
  working("workers-always-alive", "A worker whose lease is over is shown as alive.", () => ({
    alive: true,
  })),
  working("workers-seen-at-start", "A worker was last seen when it started.", ({ startedAt }) => ({
    lastSeenAt: startedAt,
  })),
  {
    name: "delete-missing-is-true",
    topic: "delete",
    sentence: "Deleting nothing says true.",
    backend: {
      delete:
        (remove, { backend }) =>
        async (id) =>
          (await backend.readRecord(id)) === undefined || remove(id),
    },
  },
  {
    name: "delete-of-finished-only",
    topic: "delete",
    sentence: "A waiting result is not deleted, though it is said to be.",
    backend: {
      delete:
        (remove, { backend }) =>
        async (id) =>
          (await backend.readRecord(id))?.status === "READY" || remove(id),
    },
  },
  pruning("prune-ignores-age", "Prune ignores minAgeMs.", () => ({ minAgeMs: 0 })),
  pruning("prune-ignores-queues", "Prune ignores queueNames.", () => ({ queueNames: undefined })),
  pruning("prune-ignores-failed-age", "Prune ignores failedMinAgeMs.", () => ({
    failedMinAgeMs: undefined,
  })),
  pruning("prune-ignores-dry-run", "Prune ignores dryRun.", () => ({ dryRun: false })),
  pruning("dry-run-ignores-queues", "A dry run ignores queueNames.", ({ dryRun, queueNames }) => ({
    queueNames: dryRun === true ? undefined : queueNames,
  })),
  pruning("dry-run-ignores-ages", "A dry run ignores ages.", ({ dryRun, ...ages }) =>
    dryRun === true ? { minAgeMs: 0, failedMinAgeMs: 0 } : ages,
  ),
  pruning(
    "dry-run-ignores-failed-age",
    "A dry run ignores failedMinAgeMs.",
    ({ dryRun, failedMinAgeMs }) => ({
      failedMinAgeMs: dryRun === true ? undefined : failedMinAgeMs,
    }),
  ),
  pruning("prune-in-one-batch", "Prune ignores batchSize.", () => ({ batchSize: 100_000 })),
  pruning("prune-never-stops", "Prune ignores its signal.", () => ({ signal: undefined })),
  pruning("prune-tells-nothing", "Prune never calls onProgress.", () => ({
    onProgress: undefined,
  })),
  {
    name: "prune-counts-one-less",
    topic: "prune",
    sentence: "Prune says one less than it deleted.",
    backend: {
      prune: (prune) => async (options) => Math.max(0, (await prune(options)) - 1),
    },
  },
  {
    name: "pause-ignored",
    topic: "pause",
    sentence: "Pausing does nothing.",
    backend: { pause: () => async () => undefined },
  },
  {
    name: "resume-ignored",
    topic: "pause",
    sentence: "Resuming does nothing.",
    backend: { resume: () => async () => undefined },
  },
  {
    name: "pause-takes-any-name",
    topic: "pause",
    sentence: "Pausing what is no name of a queue does nothing.",
    backend: {
      pause: (pause) => async (name) => (name.includes(" ") ? undefined : pause(name)),
      resume: (resume) => async (name) => (name.includes(" ") ? undefined : resume(name)),
    },
  },
  {
    name: "pause-ignored-by-all-queues",
    topic: "pause",
    sentence: "A worker of all queues serves paused ones.",
    worker: servingPaused((request) => request.queueNames.includes("*")),
  },
  {
    name: "pause-ignored-by-named-queues",
    topic: "pause",
    sentence: "A worker of named queues serves paused ones.",
    worker: servingPaused((request) => !request.queueNames.includes("*")),
  },
];

function listing(
  name: string,
  sentence: string,
  change: (options: ListOptions) => ListOptions,
): Mutant {
  return {
    name,
    topic: "list",
    sentence,
    backend: {
      listRecords: (listRecords) => (options) => listRecords({ ...options, ...change(options) }),
    },
  };
}

function page(
  change: (records: readonly TaskRecord[], options: ListOptions) => readonly TaskRecord[],
): Overrides<Backend> {
  return {
    listRecords: (listRecords) => async (options) => {
      const { records, nextCursor } = await listRecords(options);
      return { records: change(records, options), nextCursor };
    },
  };
}

function queueing(
  name: string,
  sentence: string,
  change: (queue: QueueInfo) => Partial<QueueInfo>,
): Mutant {
  return {
    name,
    topic: "monitor",
    sentence,
    backend: {
      queues: (queues) => async () =>
        (await queues()).map((queue) => ({ ...queue, ...change(queue) })),
    },
  };
}

function working(
  name: string,
  sentence: string,
  change: (worker: WorkerInfo) => Partial<WorkerInfo>,
): Mutant {
  return {
    name,
    topic: "monitor",
    sentence,
    backend: {
      workers: (workers) => async () =>
        (await workers()).map((worker) => ({ ...worker, ...change(worker) })),
    },
  };
}

function pruning(
  name: string,
  sentence: string,
  change: (options: PruneOptions) => PruneOptions,
): Mutant {
  return {
    name,
    topic: "prune",
    sentence,
    backend: {
      prune:
        (prune) =>
        (options = {}) =>
          prune({ ...options, ...change(options) }),
    },
  };
}

/** Claims of some requests resume every queue for their duration. */
function servingPaused(
  isChosen: (request: { readonly queueNames: readonly string[] }) => boolean,
): NonNullable<Mutant["worker"]> {
  return {
    claim:
      (claim, { backend }) =>
      async (request) => {
        if (request.id !== undefined || !isChosen(request)) return claim(request);
        const paused = (await backend.queues()).filter((queue) => queue.paused);
        for (const { name } of paused) await backend.resume(name);
        const claimed = await claim(request);
        for (const { name } of paused) await backend.pause(name);
        return claimed;
      },
  };
}
