import type { AttemptRef, ClaimedTask, WorkerSession, WorkerStore } from "@tasks/core/worker";

import type { Mutant, Overrides } from "../mutant.ts";

/** Mistakes in claims, leases and recovery. */
export const claimMutants: readonly Mutant[] = [
  {
    name: "claims-one-more",
    topic: "claim",
    sentence: "A claim gives one task more than its limit.",
    worker: {
      claim: (claim) => (request) => claim({ ...request, limit: request.limit + 1 }),
    },
  },
  {
    name: "claims-one-less",
    topic: "claim",
    sentence: "A claim of several tasks gives one less than there are.",
    worker: {
      claim: (claim) => (request) => claim({ ...request, limit: Math.max(1, request.limit - 1) }),
    },
  },
  {
    name: "claims-in-reverse",
    topic: "order",
    sentence: "The tasks of one claim come last first.",
    worker: { claim: (claim) => async (request) => (await claim(request)).toReversed() },
  },
  {
    name: "serves-excluded",
    topic: "worker-queues",
    sentence: "A claim serves the excluded queues too.",
    worker: { claim: (claim) => (request) => claim({ ...request, excludeQueues: [] }) },
  },
  {
    name: "excludes-first-queue-only",
    topic: "worker-queues",
    sentence: "A claim leaves out only the first excluded queue.",
    worker: {
      claim: (claim) => (request) =>
        claim({ ...request, excludeQueues: request.excludeQueues.slice(0, 1) }),
    },
  },
  {
    name: "serves-first-queue-first",
    topic: "order",
    sentence: "A claim empties the first named queue before it looks into the next.",
    worker: {
      claim: (claim) => async (request) => {
        if (request.id !== undefined || request.queueNames.length < 2) return claim(request);
        const claimed: ClaimedTask[] = [];
        for (const queueName of request.queueNames) {
          const limit = request.limit - claimed.length;
          if (limit > 0) {
            claimed.push(...(await claim({ ...request, limit, queueNames: [queueName] })));
          }
        }
        return claimed;
      },
    },
  },
  {
    name: "serves-first-queue-only",
    topic: "worker-queues",
    sentence: "A claim looks only into the first named queue.",
    worker: {
      claim: (claim) => (request) =>
        claim({ ...request, queueNames: request.queueNames.slice(0, 1) }),
    },
  },
  {
    name: "claims-by-id-ignored",
    topic: "run-task",
    sentence: "A claim of one result ignores which one.",
    worker: {
      claim:
        (claim) =>
        ({ id: _id, ...request }) =>
          claim(request),
    },
  },
  {
    name: "attempts-from-zero",
    topic: "context",
    sentence: "Attempts are numbered from 0.",
    worker: changing((task) => ({ attempt: task.attempt - 1 })),
  },
  {
    name: "claimed-without-holds-key",
    topic: "unique",
    sentence: "A claimed task never has holdsKey.",
    worker: changing(() => ({})),
  },
  {
    name: "arguments-shared",
    topic: "claim",
    sentence: "The arguments of a claimed task are decoded once.",
    worker: changing((task) => {
      const args = task.args();
      return { args: () => args };
    }),
  },
  {
    name: "claimed-record-is-ready",
    topic: "claim",
    sentence: "The record of a claimed task is the one before the claim.",
    worker: changing((task) => ({
      record: () => ({ ...task.record(), status: "READY", workerIds: [] }),
    })),
  },
  {
    name: "lease-granted-short",
    topic: "recovery",
    sentence: "A claim grants a quarter of a lease.",
    worker: {
      claim: (claim) => (request) => claim({ ...request, session: quarter(request.session) }),
    },
    survives: "on servers the lease of a session is the one that it registered with.",
  },
  {
    name: "lease-renewed-short",
    topic: "recovery",
    sentence: "A renewal grants a quarter of a lease.",
    worker: { renewLease: (renewLease) => (session) => renewLease(quarter(session)) },
    survives: "the lease of a session is the one that it registered with.",
  },
  {
    name: "lease-registered-short",
    topic: "recovery",
    sentence: "A registration grants a quarter of a lease.",
    worker: { register: (register) => (session) => register(quarter(session)) },
  },
  {
    name: "lease-granted-long",
    topic: "recovery",
    sentence: "Leases last thirty times as long.",
    worker: {
      register: (register) => (session) => register(long(session)),
      claim: (claim) => (request) => claim({ ...request, session: long(request.session) }),
      renewLease: (renewLease) => (session) => renewLease(long(session)),
      leaseThread: () => () => undefined,
    },
  },
  {
    name: "never-renews",
    topic: "recovery",
    sentence: "A lease is never renewed.",
    worker: { renewLease: () => async () => undefined, leaseThread: () => () => undefined },
  },
  {
    name: "renews-by-timer",
    topic: "worker",
    sentence: "A lease is renewed by a timer that a busy event loop delays.",
    stores: ["sqlite", "postgres", "redis"],
    worker: { leaseThread: () => () => undefined },
    survives: "a store may have no lease thread, and no other process watches the worker here.",
  },
  {
    name: "recovers-nothing",
    topic: "recovery",
    sentence: "Lost attempts are never found.",
    worker: { recoverLost: () => async () => [] },
  },
  {
    name: "recovery-names-nothing",
    topic: "recovery",
    sentence: "What ended lost is not named.",
    worker: {
      recoverLost: (recoverLost) => async (session) => {
        await recoverLost(session);
        return [];
      },
    },
  },
  {
    name: "recovers-after-a-minute",
    topic: "recovery",
    sentence: "A worker recovers nothing in its first minute.",
    worker: {
      recoverLost: (recoverLost) => {
        const startMs = performance.now();
        return async (session) =>
          performance.now() - startMs < 60_000 ? [] : recoverLost(session);
      },
    },
  },
  {
    name: "session-never-ends",
    topic: "monitor",
    sentence: "A worker that stops does not end its session.",
    worker: { unregister: () => async () => undefined },
  },
  {
    name: "session-without-announcement",
    topic: "monitor",
    sentence: "A worker that registers announces nobody.",
    worker: { register: () => async () => undefined },
  },
  {
    name: "progress-dropped",
    topic: "progress",
    sentence: "Progress of a running attempt is not stored.",
    worker: {
      update: (update) => (list) =>
        update(list.map(({ progress: _progress, ...changes }) => changes)),
    },
  },
  {
    name: "logs-dropped",
    topic: "logs",
    sentence: "Logs of a running attempt are not stored.",
    worker: {
      update: (update) => (list) => update(list.map(({ logs: _logs, ...changes }) => changes)),
    },
  },
  {
    name: "only-first-update",
    topic: "claim",
    sentence: "Of several updates in one call only the first is stored.",
    worker: { update: (update) => (list) => update(list.slice(0, 1)) },
  },
  {
    name: "unfenced-update",
    topic: "recovery",
    sentence: "Updates are stored whatever their fence.",
    worker: {
      claim: (claim) => async (request) => {
        const claimed = await claim(request);
        const { sessionId } = request.session;
        for (const { id, fence } of claimed) latest.set(id, { id, fence, sessionId });
        return claimed;
      },
      update: (update) => (list) =>
        update(list.map((item) => ({ ...item, ...latest.get(item.id) }))),
    },
  },
  {
    name: "cancel-reaches-nobody",
    topic: "cancel",
    sentence: "checkAttempts() names no cancelled attempt.",
    worker: checking((checks) => ({ ...checks, cancelled: [] })),
  },
  {
    name: "lost-is-not-told",
    topic: "recovery",
    sentence: "checkAttempts() names no lost attempt.",
    worker: checking((checks) => ({ ...checks, lost: [] })),
  },
  {
    name: "paused-is-not-told",
    topic: "pause",
    sentence: "checkAttempts() names no attempt of a paused queue.",
    worker: checking((checks) => ({ ...checks, paused: undefined })),
  },
  {
    name: "paused-is-lost",
    topic: "pause",
    sentence: "checkAttempts() names attempts of paused queues as lost.",
    worker: checking((checks) => ({ ...checks, lost: [...checks.lost, ...(checks.paused ?? [])] })),
  },
  {
    name: "recovery-names-twice",
    topic: "recovery",
    sentence: "recoverLost() names each failed result twice.",
    worker: {
      recoverLost: (recoverLost) => async (session) => {
        const failed = await recoverLost(session);
        return [...failed, ...failed];
      },
    },
  },
  {
    name: "checks-first-attempt-only",
    topic: "claim",
    sentence: "checkAttempts() looks at the first attempt only.",
    worker: {
      checkAttempts: (checkAttempts) => (session, attempts) =>
        checkAttempts(session, attempts.slice(0, 1)),
    },
  },
  {
    name: "unknown-tasks-unseen",
    topic: "unknown-task",
    sentence: "unknownTasks() names nothing.",
    worker: { unknownTasks: () => async () => [] },
  },
  {
    name: "unknown-tasks-of-excluded",
    topic: "unknown-task",
    sentence: "unknownTasks() looks into queues that the worker does not serve.",
    worker: {
      unknownTasks: (unknownTasks) => (request) =>
        unknownTasks({ ...request, queueNames: ["*"], excludeQueues: [] }),
    },
  },
  {
    name: "unknown-tasks-twice",
    topic: "unknown-task",
    sentence: "unknownTasks() names each task twice.",
    worker: {
      unknownTasks: (unknownTasks) => async (request) => {
        const names = await unknownTasks(request);
        return [...names, ...names];
      },
    },
  },
  {
    name: "wait-ignores-signal",
    topic: "shutdown",
    sentence: "waitForWork() ignores its signal.",
    worker: {
      waitForWork: (wait) => (request, maxMs) => wait(request, maxMs, new AbortController().signal),
    },
  },
  {
    name: "wakes-nobody",
    topic: "wake",
    sentence: "A waiting worker is never woken.",
    worker: {
      waitForWork: () => (_request, maxMs, signal) =>
        new Promise((resolve) => {
          const timer = setTimeout(resolve, maxMs);
          signal.addEventListener("abort", () => {
            clearTimeout(timer);
            resolve();
          });
        }),
    },
  },
];

/** The latest attempt of each result, known to all stores of the process. */
const latest = new Map<string, AttemptRef>();

function quarter(session: WorkerSession): WorkerSession {
  return { ...session, leaseMs: Math.ceil(session.leaseMs / 4) };
}

function long(session: WorkerSession): WorkerSession {
  return { ...session, leaseMs: session.leaseMs * 30 };
}

function changing(change: (task: ClaimedTask) => Partial<ClaimedTask>): Overrides<WorkerStore> {
  return {
    claim: (claim) => async (request) =>
      (await claim(request)).map((task) => ({
        id: task.id,
        fence: task.fence,
        taskName: task.taskName,
        attempt: task.attempt,
        args: () => task.args(),
        record: () => task.record(),
        ...change(task),
      })),
  };
}

type Checks = Awaited<ReturnType<WorkerStore["checkAttempts"]>>;

function checking(change: (checks: Checks) => Checks): Overrides<WorkerStore> {
  return {
    checkAttempts: (checkAttempts) => async (session, attempts) =>
      change(await checkAttempts(session, attempts)),
  };
}
