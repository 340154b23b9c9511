import { InvalidTask, type Backend, type QueueInfo } from "@tasks/core";
import type { AttemptOutcome, Completion, WorkerStore } from "@tasks/core/worker";

import type { Mutant, Overrides } from "../mutant.ts";

/** Mistakes of authors who have read past one sentence of the contract. */
export const promiseMutants: readonly Mutant[] = [
  inStore("holds-key-untold", "unique", "A claim does not say that a task holds its key.", {
    claim: (claim) => async (request) =>
      (await claim(request)).map((task) => ({
        id: task.id,
        fence: task.fence,
        taskName: task.taskName,
        attempt: task.attempt,
        args: () => task.args(),
        record: () => task.record(),
      })),
  }),
  inStore("paused-untold", "pause", "Checks do not tell attempts of paused queues.", {
    checkAttempts: (check) => async (session, attempts) => ({
      ...(await check(session, attempts)),
      paused: undefined,
    }),
  }),
  inStore("paused-told-as-lost", "pause", "Checks tell attempts of paused queues as lost.", {
    checkAttempts: (check) => async (session, attempts) => {
      const found = await check(session, attempts);
      return { ...found, lost: [...found.lost, ...(found.paused ?? [])] };
    },
  }),
  inStore("cancel-seen-forgotten", "cancel", "That a worker saw a cancel is not looked at.", {
    complete: (complete) => (all) =>
      complete(all.map((completion) => ({ ...completion, cancelled: false }))),
  }),
  inStore("cancel-always-seen", "cancel", "Every outcome counts as if the cancel was seen.", {
    complete: (complete) => (all) =>
      complete(all.map((completion) => ({ ...completion, cancelled: true }))),
  }),
  inStore("wait-ignores-signal", "shutdown", "Waiting for work goes on after the signal.", {
    waitForWork: (wait) => (request, maxMs) => wait(request, maxMs, new AbortController().signal),
  }),
  registered("worker-of-one-slot", "A worker is shown with one slot.", { concurrency: 1 }),
  registered("worker-of-all-queues", "A worker is shown with all queues.", { queueNames: ["*"] }),
  registered("worker-without-name", "A worker is shown under another name.", { workerId: "it" }),
  outcome(
    "retry-in-whole-seconds",
    "retry",
    "Delays of retries are rounded up to seconds.",
    (one) =>
      one.type === "retry" ? { ...one, delayMs: Math.ceil(one.delayMs / 1000) * 1000 } : one,
  ),
  outcome("snooze-doubled", "outcome", "A snooze lasts twice as long.", (one) =>
    one.type === "snooze" ? { ...one, delayMs: 2 * one.delayMs } : one,
  ),
  outcome("return-value-null", "result", "What a function returned is not kept.", (one) =>
    one.type === "successful" ? { ...one, returnValue: null, returnValueJson: "null" } : one,
  ),
  outcome("errors-without-message", "retry", "Errors are kept without their message.", (one) =>
    one.type === "failed" || one.type === "retry"
      ? { ...one, error: { ...one.error, message: "" } }
      : one,
  ),
  inStore("end-drops-metadata", "metadata", "Metadata set just before the end is dropped.", {
    complete: (complete) => (all) => complete(all.map(withoutMetadata)),
  }),
  inStore("end-drops-logs", "logs", "Lines logged just before the end are dropped.", {
    complete: (complete) => (all) => complete(all.map(withoutLogs)),
  }),
  inStore(
    "excludes-first-only",
    "worker-queues",
    "One queue is left out, however many are named.",
    {
      claim: (claim) => (request) =>
        claim({ ...request, excludeQueues: request.excludeQueues.slice(0, 1) }),
    },
  ),
  inStore("recovery-names-twice", "recovery", "Recovered failures are named twice.", {
    recoverLost: (recoverLost) => async (session) => {
      const failed = await recoverLost(session);
      return [...failed, ...failed];
    },
  }),
  inStore("unknown-twice", "unknown-task", "Unknown tasks are named twice.", {
    unknownTasks: (unknownTasks) => async (request) => {
      const names = await unknownTasks(request);
      return [...names, ...names];
    },
  }),
  inStore("renewed-fence", "recovery", "A completion is stored whatever its session.", {
    complete: (complete) => (all) =>
      complete(all.map((completion) => ({ ...completion, sessionId: undefined }))),
  }),
  inBackend("malformed-id-throws", "result", "An id that cannot exist is an error of its own.", {
    readRecord: (readRecord) => async (id) => {
      if (!/^[0-9a-f]+$/.test(id)) throw new InvalidTask(`Malformed id ${id}.`);
      return readRecord(id);
    },
  }),
  inBackend(
    "run-task-waits-for-due",
    "run-task",
    "A task that is due later cannot be run by hand.",
    {
      runTask:
        (runTask, { backend }) =>
        async (id) => {
          const record = await backend.readRecord(id);
          if (record?.runAfter != null && record.runAfter > new Date()) {
            throw new InvalidTask("It is not due.");
          }
          return runTask(id);
        },
    },
  ),
  inBackend("prune-without-progress", "prune", "Progress of a prune is not told.", {
    prune: (prune) => (options) => prune({ ...options, onProgress: undefined }),
  }),
  inBackend("prune-ignores-signal", "prune", "A prune cannot be stopped.", {
    prune: (prune) => (options) => prune({ ...options, signal: undefined }),
  }),
  inBackend("prune-all-queues", "prune", "A prune of some queues is one of all.", {
    prune: (prune) => (options) => prune({ ...options, queueNames: undefined }),
  }),
  inBackend("prune-failures-alike", "prune", "Failures go as early as all others.", {
    prune: (prune) => (options) => prune({ ...options, failedMinAgeMs: undefined }),
  }),
  inBackend("list-without-task-name", "list", "Lists are of all tasks.", {
    listRecords: (list) => (options) => list({ ...options, taskName: undefined }),
  }),
  inBackend("list-without-queue", "list", "Lists are of all queues.", {
    listRecords: (list) => (options) => list({ ...options, queueName: undefined }),
  }),
  inBackend("worker-ignores-name", "worker", "A worker makes up its name.", {
    createWorker: (create) => (options) => create({ ...options, workerId: undefined }),
  }),
  inBackend("worker-ignores-max-tasks", "worker", "A worker goes on after its last task.", {
    createWorker: (create) => (options) => create({ ...options, maxTasks: undefined }),
  }),
  shown("queues-without-scheduled", "Queues are shown without what is due later.", {
    scheduled: 0,
  }),
  shown("queues-without-running", "Queues are shown without what runs.", { running: 0 }),
];

function inStore(
  name: string,
  topic: string,
  sentence: string,
  worker: Overrides<WorkerStore>,
): Mutant {
  return { name, topic, sentence, worker };
}

function inBackend(
  name: string,
  topic: string,
  sentence: string,
  backend: Overrides<Backend>,
): Mutant {
  return { name, topic, sentence, backend };
}

function registered(
  name: string,
  sentence: string,
  change: { readonly [Key in "concurrency" | "queueNames" | "workerId"]?: unknown },
): Mutant {
  return inStore(name, "monitor", sentence, {
    register: (register) => (session) => register({ ...session, ...(change as object) }),
  });
}

function outcome(
  name: string,
  topic: string,
  sentence: string,
  change: (outcome: AttemptOutcome) => AttemptOutcome,
): Mutant {
  return inStore(name, topic, sentence, {
    complete: (complete) => (all) =>
      complete(all.map((one) => ({ ...one, outcome: change(one.outcome) }))),
  });
}

function shown(name: string, sentence: string, change: Partial<QueueInfo>): Mutant {
  return inBackend(name, "monitor", sentence, {
    queues: (queues) => async () => (await queues()).map((queue) => ({ ...queue, ...change })),
  });
}

function withoutMetadata(completion: Completion): Completion {
  return {
    ...completion,
    changes: completion.changes && { ...completion.changes, metadata: undefined },
  };
}

function withoutLogs(completion: Completion): Completion {
  return {
    ...completion,
    changes: completion.changes && { ...completion.changes, logs: undefined },
  };
}
