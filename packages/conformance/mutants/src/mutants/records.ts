import type { Backend, TaskRecord, WorkerInfo } from "@tasks/core";
import type { ClaimedTask, Completion, CompletionAnswer, WorkerStore } from "@tasks/core/worker";

import type { Mutant, Overrides } from "../mutant.ts";

/** Mistakes in what is kept of a result, and in what claims and updates are given of it. */
export const recordMutants: readonly Mutant[] = [
  {
    name: "one-lost-loses-the-rest",
    topic: "recovery",
    sentence: "Once a completion of a call is lost, those after it are lost, too.",
    worker: {
      complete: (complete) => async (completions) => {
        const answers: CompletionAnswer[] = [];
        for (const one of completions) {
          answers.push(answers.includes("lost") ? "lost" : (await complete([one]))[0]!);
        }
        return answers;
      },
    },
  },
  {
    name: "update-progress-or-metadata",
    topic: "context",
    sentence: "An update with progress drops its metadata.",
    worker: {
      update: (update) => (updates) =>
        update(
          updates.map((one) =>
            one.progress === undefined ? one : { ...one, metadata: undefined },
          ),
        ),
    },
  },
  {
    name: "error-without-traceback",
    topic: "retry",
    sentence: "Errors are stored without their traceback.",
    worker: completing((completion) => {
      const { outcome } = completion;
      if (outcome.type !== "failed" && outcome.type !== "retry") return completion;
      return { ...completion, outcome: { ...outcome, error: { ...outcome.error, traceback: "" } } };
    }),
  },
  claimed("without-metadata", "A claimed task comes without metadata.", () => ({ metadata: {} })),
  claimed("without-progress", "A claimed task comes without progress.", () => ({ progress: null })),
  claimed("without-errors", "A claimed task comes without earlier errors.", () => ({ errors: [] })),
  claimed("without-logs", "A claimed task comes without earlier logs.", () => ({ logs: [] })),
  claimed("without-failures", "A claimed task comes without its failures.", () => ({
    failures: 0,
  })),
  claimed("enqueued-now", "A claimed task is as old as its claim.", ({ lastAttemptedAt }) => ({
    enqueuedAt: lastAttemptedAt!,
  })),
  claimed("without-due-time", "A claimed task comes without its due time.", () => ({
    runAfter: null,
  })),
  read("start-moves", "retry", "startedAt is that of the latest attempt.", (record) => ({
    startedAt: record.lastAttemptedAt,
  })),
  read("due-time-is-over", "defer", "A result that has run shows no due time.", (record) => ({
    runAfter: record.status === "READY" ? record.runAfter : null,
  })),
  read("worker-once", "retry", "A worker that tried a task twice is shown once.", (record) => ({
    workerIds: [...new Set(record.workerIds)],
  })),
  read("logs-latest-first", "context", "Logs are read latest first.", (record) => ({
    logs: record.logs.toReversed(),
  })),
  read("errors-latest-first", "retry", "Errors are read latest first.", (record) => ({
    errors: record.errors.toReversed(),
  })),
  read("cancel-request-hidden", "cancel", "A wish to cancel is not shown.", () => ({
    cancelRequested: false,
  })),
  read("never-blocked", "pause", "A result in a paused queue is not shown as blocked.", () => ({
    blocked: false,
  })),
  read("no-progress-after-failure", "outcome", "A failed result has no progress.", (record) => ({
    progress: record.status === "FAILED" ? null : record.progress,
  })),
  {
    name: "given-id-ignored",
    topic: "id",
    sentence: "An enqueue ignores the id it is given.",
    backend: {
      enqueue: (enqueue) => (request, options) => enqueue({ ...request, id: null }, options),
    },
  },
  {
    name: "given-ids-of-batches-ignored",
    topic: "id",
    sentence: "A batch ignores the ids it is given.",
    backend: {
      enqueueMany: (enqueueMany) => (requests, options) =>
        enqueueMany(
          requests.map((request) => ({ ...request, id: null })),
          options,
        ),
    },
  },
  shown("workers-of-all-queues", "Every worker is shown to serve all queues.", () => ({
    queueNames: ["*"],
  })),
  shown("workers-of-one-task", "Every worker is shown to run one task at a time.", () => ({
    concurrency: 1,
  })),
  shown("workers-hold-for-ever", "A worker is shown with the most that it ever ran.", mostEver()),
];

function claimed(
  name: string,
  sentence: string,
  change: (record: TaskRecord) => Partial<TaskRecord>,
): Mutant {
  const broken = (task: ClaimedTask): ClaimedTask => ({
    ...task,
    record: () => ({ ...task.record(), ...change(task.record()) }),
  });
  return {
    name: `claimed-${name}`,
    topic: "claim",
    sentence,
    worker: { claim: (claim) => async (request) => (await claim(request)).map(broken) },
  };
}

function read(
  name: string,
  topic: string,
  sentence: string,
  change: (record: TaskRecord) => Partial<TaskRecord>,
): Mutant {
  const backend: Overrides<Backend> = {
    readRecord: (readRecord) => async (id) => {
      const record = await readRecord(id);
      return record && { ...record, ...change(record) };
    },
  };
  return { name: `read-${name}`, topic, sentence, backend };
}

function shown(
  name: string,
  sentence: string,
  change: (worker: WorkerInfo) => Partial<WorkerInfo>,
): Mutant {
  const backend: Overrides<Backend> = {
    workers: (workers) => async () =>
      (await workers()).map((worker) => ({ ...worker, ...change(worker) })),
  };
  return { name, topic: "monitor", sentence, backend };
}

function mostEver(): (worker: WorkerInfo) => Partial<WorkerInfo> {
  const most = new Map<string, number>();
  return ({ workerId, running }) => {
    most.set(workerId, Math.max(running, most.get(workerId) ?? 0));
    return { running: most.get(workerId)! };
  };
}

function completing(change: (completion: Completion) => Completion): Overrides<WorkerStore> {
  return { complete: (complete) => (completions) => complete(completions.map(change)) };
}
