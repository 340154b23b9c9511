import { InvalidTask, type Backend, type EnqueueRequest, type TaskRecord } from "@tasks/core";

import type { Mutant, Overrides } from "../mutant.ts";

/** Mistakes in enqueueing, reading, cancelling and retrying, and in the options of workers. */
export const backendMutants: readonly Mutant[] = [
  {
    name: "priority-forgotten",
    topic: "order",
    sentence: "Priorities are not stored.",
    backend: enqueueing(() => ({ priority: 0 })),
  },
  {
    name: "priority-negative-forgotten",
    topic: "order",
    sentence: "Negative priorities are stored as 0.",
    backend: enqueueing(({ priority }) => ({ priority: Math.max(0, priority) })),
  },
  {
    name: "delay-forgotten",
    topic: "defer",
    sentence: "Relative due times are not stored.",
    backend: enqueueing(() => ({ delayMs: null })),
  },
  {
    name: "due-time-in-seconds",
    topic: "defer",
    sentence: "Absolute due times lose their milliseconds.",
    backend: enqueueing(({ runAfter }) => ({
      runAfter: runAfter && new Date(Math.floor(runAfter.getTime() / 1000) * 1000),
    })),
  },
  {
    name: "past-due-time-is-now",
    topic: "order",
    sentence: "A due time in the past is taken for the present.",
    backend: enqueueing(({ runAfter }, now) => ({
      runAfter: runAfter && new Date(Math.max(runAfter.getTime(), now.getTime())),
    })),
  },
  {
    name: "metadata-forgotten",
    topic: "metadata",
    sentence: "Metadata of an enqueue is not stored.",
    backend: enqueueing(() => ({ metadata: {} })),
  },
  {
    name: "max-lost-forgotten",
    topic: "recovery",
    sentence: "maxLost is always 3.",
    backend: enqueueing(() => ({ maxLost: 3 })),
  },
  {
    name: "max-lost-off-by-one",
    topic: "recovery",
    sentence: "A task is lost once more than maxLost says.",
    backend: enqueueing(({ maxLost }) => ({ maxLost: maxLost + 1 })),
  },
  {
    name: "queue-forgotten",
    topic: "worker-queues",
    sentence: "All tasks go to one queue.",
    backend: enqueueing(() => ({ queueName: "default" })),
  },
  {
    name: "unique-forgotten",
    topic: "unique",
    sentence: "Unique keys are not stored.",
    backend: enqueueing(() => ({ unique: null })),
  },
  {
    name: "unique-never-rejects",
    topic: "unique",
    sentence: "A duplicate that is to be rejected is given the existing result.",
    backend: enqueueing(({ unique }) => ({
      unique: unique && { ...unique, onConflict: "return-existing" },
    })),
  },
  {
    name: "unique-window-is-until-finished",
    topic: "unique",
    sentence: "A window ends with its task, and not before.",
    backend: enqueueing(({ unique }) => ({
      unique: unique && {
        ...unique,
        scope: unique.scope === "window" ? "until-finished" : unique.scope,
        windowMs: 0,
      },
    })),
  },
  {
    name: "unique-window-doubled",
    topic: "unique",
    sentence: "A window lasts a minute longer.",
    backend: enqueueing(({ unique }) => ({
      unique:
        unique?.scope === "window" ? { ...unique, windowMs: unique.windowMs + 60_000 } : unique,
    })),
  },
  {
    name: "unique-until-started-is-until-finished",
    topic: "unique",
    sentence: "A key is kept until the task is finished, though the claim was to free it.",
    backend: enqueueing(({ unique }) => ({
      unique: unique && {
        ...unique,
        scope: unique.scope === "until-started" ? "until-finished" : unique.scope,
      },
    })),
  },
  {
    name: "unique-until-finished-is-until-started",
    topic: "unique",
    sentence: "A key is free as soon as the task is claimed, though it was to be kept.",
    backend: enqueueing(({ unique }) => ({
      unique: unique && {
        ...unique,
        scope: unique.scope === "until-finished" ? "until-started" : unique.scope,
      },
    })),
  },
  {
    name: "unique-case-insensitive",
    topic: "unique",
    sentence: "Unique keys are compared without regard to case.",
    backend: enqueueing(({ unique }) => ({
      unique: unique && { ...unique, key: unique.key.toLowerCase() },
    })),
  },
  {
    name: "duplicate-not-told",
    topic: "unique",
    sentence: "A duplicate is answered as if it had been stored.",
    backend: {
      enqueue: (enqueue) => async (request, options) => ({
        ...(await enqueue(request, options)),
        deduplicated: false,
      }),
    },
  },
  {
    name: "duplicate-as-asked-for",
    topic: "unique",
    sentence: "A duplicate is answered with its own arguments and priority.",
    backend: {
      enqueue: (enqueue) => async (request, options) => {
        const { record, deduplicated } = await enqueue(request, options);
        const { args, priority } = request;
        return { record: { ...record, args, priority }, deduplicated };
      },
    },
  },
  {
    name: "batch-one-by-one",
    topic: "batch",
    sentence: "A batch is stored one by one, so that a failure leaves the first ones behind.",
    backend: {
      enqueueMany:
        (_enqueueMany, { backend }) =>
        async (requests, options) => {
          const enqueued = [];
          for (const request of requests) enqueued.push(await backend.enqueue(request, options));
          return enqueued;
        },
    },
  },
  {
    name: "batch-answers-reversed",
    topic: "batch",
    sentence: "The answers of a batch are in the reverse order.",
    backend: {
      enqueueMany: (enqueueMany) => async (requests, options) =>
        (await enqueueMany(requests, options)).toReversed(),
    },
  },
  {
    name: "batch-stored-reversed",
    topic: "order",
    sentence: "A batch is stored last first.",
    backend: {
      enqueueMany: (enqueueMany) => async (requests, options) =>
        (await enqueueMany(requests.toReversed(), options)).toReversed(),
    },
  },
  {
    name: "transaction-ignored",
    topic: "transaction",
    stores: ["sqlite", "postgres", "redis"],
    sentence: "An enqueue ignores the caller's transaction.",
    backend: { enqueue: (enqueue) => (request) => enqueue(request) },
  },
  {
    name: "transaction-ignored-by-batches",
    topic: "transaction",
    stores: ["postgres", "redis"],
    sentence: "A batch ignores the caller's transaction.",
    backend: { enqueueMany: (enqueueMany) => (requests) => enqueueMany(requests) },
  },
  {
    name: "cancel-says-true",
    topic: "cancel",
    sentence: "cancel() always says true.",
    backend: {
      cancel: (cancel) => async (id) => {
        await cancel(id);
        return true;
      },
    },
  },
  {
    name: "cancel-running-ignored",
    topic: "cancel",
    sentence: "A running task cannot be cancelled.",
    backend: {
      cancel:
        (cancel, { backend }) =>
        async (id) =>
          (await backend.readRecord(id))?.status === "RUNNING" || cancel(id),
    },
  },
  {
    name: "cancel-retrying-refused",
    topic: "cancel",
    sentence: "A task between two attempts cannot be cancelled.",
    backend: {
      cancel:
        (cancel, { backend }) =>
        async (id) => {
          const record = await backend.readRecord(id);
          return record?.status === "READY" && record.workerIds.length > 0 ? false : cancel(id);
        },
    },
  },
  {
    name: "missing-is-false",
    topic: "cancel",
    sentence: "Cancelling, retrying or deleting what does not exist says false.",
    backend: {
      cancel: falseWhenMissing,
      retry: falseWhenMissing,
      delete: falseWhenMissing,
    },
  },
  {
    name: "retry-says-true",
    topic: "retry",
    sentence: "retry() always says true.",
    backend: {
      retry: (retry) => async (id) => {
        await retry(id);
        return true;
      },
    },
  },
  {
    name: "retry-refuses-cancelled",
    topic: "retry",
    sentence: "A cancelled result cannot be retried.",
    backend: {
      retry:
        (retry, { backend }) =>
        async (id) =>
          (await backend.readRecord(id))?.errors.at(-1)?.exceptionClass === "TaskCancelled"
            ? false
            : retry(id),
    },
  },
  {
    name: "run-task-runs-anything",
    topic: "run-task",
    sentence: "runTask() of a finished result gives it back instead of refusing.",
    backend: {
      runTask:
        (runTask, { backend }) =>
        async (id) => {
          const result = await backend.getResult(id);
          return result.isFinished ? result : runTask(id);
        },
    },
  },
  {
    name: "run-task-refuses-deferred",
    topic: "run-task",
    sentence: "runTask() refuses a task that is due later.",
    backend: {
      runTask:
        (runTask, { backend }) =>
        async (id) => {
          const dueAtMs = (await backend.readRecord(id))?.runAfter?.getTime() ?? 0;
          if (dueAtMs > backend.now().getTime()) throw new InvalidTask("It is not due.");
          return runTask(id);
        },
    },
  },
  {
    name: "malformed-id-throws",
    topic: "result",
    sentence: "Reading a malformed id is an InvalidTask instead of no result.",
    backend: {
      readRecord: (readRecord) => async (id) => {
        if (!/^[0-9a-f]+$/.test(id)) throw new InvalidTask(`Malformed id ${id}.`);
        return readRecord(id);
      },
    },
  },
  {
    name: "worker-id-ignored",
    topic: "worker",
    sentence: "createWorker() ignores workerId.",
    backend: {
      createWorker: (create) => (options) => create({ ...options, workerId: undefined }),
    },
  },
  {
    name: "max-tasks-ignored",
    topic: "worker",
    sentence: "createWorker() ignores maxTasks.",
    backend: {
      createWorker: (create) => (options) => create({ ...options, maxTasks: undefined }),
    },
  },
  {
    name: "records-without-history",
    topic: "retry",
    sentence: "Only the latest error is read.",
    backend: reading(({ errors }) => ({ errors: errors.slice(-1) })),
  },
  {
    name: "records-without-logs-of-earlier-attempts",
    topic: "logs",
    sentence: "Only the logs of the latest attempt are read.",
    backend: reading(({ logs }) => ({
      logs: logs.filter(({ attempt }) => attempt === logs.at(-1)?.attempt),
    })),
  },
  {
    name: "records-without-last-attempt",
    topic: "retry",
    sentence: "lastAttemptedAt is the first start.",
    backend: reading(({ startedAt }) => ({ lastAttemptedAt: startedAt })),
  },
  {
    name: "records-shared",
    topic: "result",
    sentence: "Two reads of a result give the same record.",
    backend: {
      readRecord: (readRecord) => {
        const known = new Map<string, TaskRecord>();
        return async (id) => {
          const record = await readRecord(id);
          const before = known.get(id);
          if (record === undefined) return undefined;
          if (before?.status === record.status) return before;
          known.set(id, record);
          return record;
        };
      },
    },
  },
  {
    name: "wait-wakes-nobody",
    topic: "wake",
    sentence: "Whoever waits for a result is not told when it ends.",
    backend: {
      waitForChange: () => (_id, maxMs) => new Promise((resolve) => setTimeout(resolve, maxMs)),
    },
  },
];

/** Requests are stored with changes. */
function enqueueing(
  change: (request: EnqueueRequest, now: Date) => Partial<EnqueueRequest>,
): Overrides<Backend> {
  const changed = (backend: Backend, request: EnqueueRequest): EnqueueRequest => ({
    ...request,
    ...change(request, backend.now()),
  });
  return {
    enqueue:
      (enqueue, { backend }) =>
      (request, options) =>
        enqueue(changed(backend, request), options),
    enqueueMany:
      (enqueueMany, { backend }) =>
      (requests, options) =>
        enqueueMany(
          requests.map((request) => changed(backend, request)),
          options,
        ),
  };
}

/** Records are read with changes. */
function reading(change: (record: TaskRecord) => Partial<TaskRecord>): Overrides<Backend> {
  return {
    readRecord: (readRecord) => async (id) => {
      const record = await readRecord(id);
      return record && { ...record, ...change(record) };
    },
  };
}

function falseWhenMissing(
  sound: (id: string) => Promise<boolean>,
  { backend }: { readonly backend: Backend },
): (id: string) => Promise<boolean> {
  return async (id) => (await backend.readRecord(id)) !== undefined && sound(id);
}
