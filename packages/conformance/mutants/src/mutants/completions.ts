import type { AttemptOutcome, AttemptRef, Completion, WorkerStore } from "@tasks/core/worker";

import type { Mutant, Overrides } from "../mutant.ts";

const OUTCOMES = ["successful", "failed", "retry", "snooze", "release"] as const;

/** Mistakes in storing how attempts ended. */
export const completionMutants: readonly Mutant[] = [
  {
    name: "retry-at-once",
    topic: "retry",
    sentence: "A retry forgets its delay.",
    worker: changing((completion) => withOutcome(completion, "retry", { delayMs: 0 })),
  },
  {
    name: "retry-in-whole-seconds",
    topic: "retry",
    sentence: "A retry's delay is rounded up to seconds.",
    worker: turning("retry", ({ error, delayMs = 0 }) => ({
      type: "retry",
      error: error!,
      delayMs: Math.ceil(delayMs / 1000) * 1000,
    })),
  },
  {
    name: "retry-leaves-no-error",
    topic: "retry",
    sentence: "A retry is stored as a snooze.",
    worker: turning("retry", ({ delayMs = 0 }) => ({ type: "snooze", delayMs })),
  },
  {
    name: "failure-is-retried",
    topic: "retry",
    sentence: "A final failure is tried again.",
    worker: turning("failed", ({ error }) => ({ type: "retry", error: error!, delayMs: 0 })),
  },
  {
    name: "snooze-at-once",
    topic: "outcome",
    sentence: "A snooze forgets its delay.",
    worker: changing((completion) => withOutcome(completion, "snooze", { delayMs: 0 })),
  },
  {
    name: "snooze-doubled",
    topic: "outcome",
    sentence: "A snooze's delay is doubled.",
    worker: turning("snooze", ({ delayMs = 0 }) => ({ type: "snooze", delayMs: 2 * delayMs })),
  },
  {
    name: "snooze-is-release",
    topic: "outcome",
    sentence: "A snooze is stored as a release.",
    worker: turning("snooze", () => ({ type: "release" })),
  },
  {
    name: "release-moves-back",
    topic: "shutdown",
    sentence: "A released task gets a new due time, and so a new place.",
    worker: turning("release", () => ({ type: "snooze", delayMs: 0 })),
  },
  {
    name: "snooze-counts-as-failure",
    topic: "outcome",
    sentence: "A snooze is stored as a retry.",
    worker: turning("snooze", ({ delayMs = 0 }) => ({ type: "retry", error: ERROR, delayMs })),
  },
  {
    name: "release-counts-as-failure",
    topic: "shutdown",
    sentence: "A release is stored as a retry.",
    worker: turning("release", () => ({ type: "retry", error: ERROR, delayMs: 0 })),
  },
  ...(["metadata", "logs"] as const).map((field): Mutant => ({
    name: `end-drops-${field}`,
    topic: field,
    sentence: `A completion's changes of ${field} are dropped.`,
    worker: changing(({ changes, ...completion }) => ({
      ...completion,
      changes: changes && { ...changes, [field]: undefined },
    })),
  })),
  {
    name: "cancel-seen-forgotten",
    topic: "cancel",
    sentence: "A completion's field cancelled is ignored.",
    worker: changing((completion) => ({ ...completion, cancelled: false })),
  },
  {
    name: "changes-lost-with-success",
    topic: "claim",
    sentence: "Progress, metadata and logs that come with a success are dropped.",
    worker: changing((completion) =>
      completion.outcome.type === "successful" ? { ...completion, changes: null } : completion,
    ),
  },
  {
    name: "changes-lost-with-failure",
    topic: "logs",
    sentence:
      "Progress, metadata and logs that come with another outcome than a success are dropped.",
    worker: changing((completion) =>
      completion.outcome.type === "successful" ? completion : { ...completion, changes: null },
    ),
  },
  ...OUTCOMES.map((type): Mutant => ({
    name: `cancel-ignored-by-${type}`,
    topic: "claim",
    sentence: `A ${type} outcome is stored although a cancellation was asked for.`,
    worker: changing((completion) =>
      completion.outcome.type === type ? { ...completion, cancelled: true } : completion,
    ),
  })),
  ...OUTCOMES.map((type): Mutant => ({
    name: `unfenced-${type}`,
    topic: "recovery",
    sentence: `A ${type} outcome is stored whatever its fence.`,
    worker: unfenced((completion) => completion.outcome.type === type),
  })),
  {
    name: "answers-reversed",
    topic: "claim",
    sentence: "The answers of complete() are in the reverse order.",
    worker: { complete: (complete) => async (list) => (await complete(list)).toReversed() },
  },
  {
    name: "answers-recorded",
    topic: "recovery",
    sentence: "Every completion is answered recorded.",
    worker: {
      complete: (complete) => async (list) => (await complete(list)).map(() => "recorded" as const),
    },
  },
  {
    name: "answers-cancelled-as-recorded",
    topic: "claim",
    sentence: "A completion that was stored as cancelled is answered recorded.",
    worker: {
      complete: (complete) => async (list) =>
        (await complete(list)).map((answer) => (answer === "cancelled" ? "recorded" : answer)),
    },
  },
  {
    name: "repeated-is-lost",
    topic: "claim",
    sentence: "A completion that is brought again is answered lost.",
    worker: {
      complete: (complete) => {
        const seen = new Set<string>();
        return async (list) => {
          const answers = await complete(list);
          return answers.map((answer, at) => {
            const { id, fence } = list[at]!;
            const isRepeated = seen.has(`${id} ${fence}`);
            seen.add(`${id} ${fence}`);
            return isRepeated ? "lost" : answer;
          });
        };
      },
    },
  },
  {
    name: "only-first-completion",
    topic: "worker",
    sentence: "Of the completions of one call only the first ten are stored.",
    worker: {
      complete: (complete) => async (list) => [
        ...(await complete(list.slice(0, 10))),
        ...list.slice(10).map(() => "recorded" as const),
      ],
    },
  },
  {
    name: "return-value-dropped",
    topic: "outcome",
    sentence: "Return values are stored as null.",
    worker: turning("successful", () => ({
      type: "successful",
      returnValue: null,
      returnValueJson: "null",
    })),
  },
  {
    name: "return-value-as-text",
    topic: "outcome",
    sentence: "Return values are stored as JSON in JSON.",
    worker: changing((completion) => {
      const { outcome } = completion;
      if (outcome.type !== "successful" || typeof outcome.returnValue !== "object") {
        return completion;
      }
      const { returnValueJson } = outcome;
      return {
        ...completion,
        outcome: {
          ...outcome,
          returnValue: returnValueJson,
          returnValueJson: JSON.stringify(returnValueJson),
        },
      };
    }),
  },
];

const ERROR = {
  exceptionClass: "Error",
  message: "",
  traceback: "",
  attempt: 1,
  workerId: null,
  occurredAt: new Date(),
};

interface Parts {
  readonly error?: typeof ERROR | Extract<AttemptOutcome, { type: "failed" }>["error"];
  readonly delayMs?: number;
}

function changing(change: (completion: Completion) => Completion): Overrides<WorkerStore> {
  return { complete: (complete) => (list) => complete(list.map(change)) };
}

function withOutcome(completion: Completion, type: string, changes: object): Completion {
  const { outcome } = completion;
  return outcome.type === type
    ? { ...completion, outcome: { ...outcome, ...changes } }
    : completion;
}

function turning(
  type: AttemptOutcome["type"],
  turn: (outcome: Parts) => AttemptOutcome,
): Overrides<WorkerStore> {
  return changing((completion) =>
    completion.outcome.type === type
      ? { ...completion, outcome: turn(completion.outcome as Parts) }
      : completion,
  );
}

/** Completions come in the name of the latest attempt instead of their own. */
function unfenced(isChosen: (completion: Completion) => boolean): Overrides<WorkerStore> {
  return {
    claim: (claim) => async (request) => {
      const claimed = await claim(request);
      const { sessionId } = request.session;
      for (const { id, fence } of claimed) latest.set(id, { id, fence, sessionId });
      return claimed;
    },
    ...changing((completion) =>
      isChosen(completion) ? { ...completion, ...latest.get(completion.id) } : completion,
    ),
  };
}

/** The latest attempt of each result, known to all stores of the process. */
const latest = new Map<string, AttemptRef>();
