import { taskState, type TaskRecord } from "@tasks/core";
import { givenBackBy, recover, transitions, type AttemptOutcome } from "@tasks/core/worker";
import { describe, expect, it } from "vitest";

import { recordOf, requestOf } from "./support/records.ts";

const at = (second: number): Date => new Date(Date.UTC(2030, 0, 1, 0, 0, second));
const error = {
  exceptionClass: "Error",
  message: "no",
  traceback: "Error: no",
  attempt: 1,
  workerId: "w1",
  occurredAt: at(2),
};
const running = (changes: Partial<TaskRecord> = {}): TaskRecord =>
  transitions.claim(recordOf(changes), "w1", at(1));
const complete = (record: TaskRecord, outcome: AttemptOutcome): TaskRecord =>
  transitions.complete(record, outcome, null, at(2));

describe("enqueue", () => {
  it("makes a READY record that nothing has happened to", () => {
    const request = requestOf({ args: [1], priority: 5, metadata: { a: 1 }, maxLost: 7 });
    expect(transitions.enqueue(request, at(0))).toEqual({
      id: request.id,
      taskName: "some-task",
      status: "READY",
      args: [1],
      queueName: "default",
      priority: 5,
      runAfter: null,
      metadata: { a: 1 },
      enqueuedAt: at(0),
      startedAt: null,
      lastAttemptedAt: null,
      finishedAt: null,
      errors: [],
      errorsOmitted: 0,
      attempts: 0,
      workerIds: [],
      returnValue: null,
      progress: null,
      logs: [],
      failures: 0,
      lost: 0,
      maxLost: 7,
      cancelRequested: false,
      blocked: false,
    });
  });

  it("counts a delay from the moment of the enqueue, and keeps a moment", () => {
    expect(transitions.enqueue(requestOf({ delayMs: 5000 }), at(0)).runAfter).toEqual(at(5));
    expect(transitions.enqueue(requestOf({ runAfter: at(9) }), at(0)).runAfter).toEqual(at(9));
  });
});

describe("claim", () => {
  it("makes it RUNNING and notes the worker and the start", () => {
    expect(running({ blocked: true })).toMatchObject({
      status: "RUNNING",
      startedAt: at(1),
      lastAttemptedAt: at(1),
      workerIds: ["w1"],
      blocked: false,
    });
  });

  it("keeps the first start", () => {
    const again = transitions.claim(
      complete(running(), { type: "retry", error, delayMs: 0 }),
      "w2",
      at(9),
    );
    expect(again).toMatchObject({
      startedAt: at(1),
      lastAttemptedAt: at(9),
      workerIds: ["w1", "w2"],
    });
  });
});

describe("complete", () => {
  it("stores what was returned", () => {
    const outcome: AttemptOutcome = { type: "successful", returnValue: 42, returnValueJson: "42" };
    expect(complete(running(), outcome)).toMatchObject({
      status: "SUCCESSFUL",
      returnValue: 42,
      finishedAt: at(2),
    });
  });

  it("stores the error of a failure", () => {
    expect(complete(running(), { type: "failed", error })).toMatchObject({
      status: "FAILED",
      errors: [error],
      failures: 1,
      finishedAt: at(2),
      returnValue: null,
    });
  });

  it("makes it READY for a retry, after the wait", () => {
    const record = complete(running(), { type: "retry", error, delayMs: 3000 });
    expect(record).toMatchObject({
      status: "READY",
      runAfter: at(5),
      errors: [error],
      failures: 1,
      workerIds: ["w1"],
      finishedAt: null,
    });
    expect(taskState(record, at(2))).toBe("retrying");
  });

  it("leaves no attempt behind when it is snoozed or released", () => {
    expect(complete(running(), { type: "snooze", delayMs: 1000 })).toMatchObject({
      status: "READY",
      runAfter: at(3),
      workerIds: [],
      startedAt: null,
      failures: 0,
      errors: [],
    });
    expect(complete(running({ runAfter: at(0) }), { type: "release" })).toMatchObject({
      status: "READY",
      runAfter: at(0),
      workerIds: [],
      startedAt: null,
      failures: 0,
    });
  });

  it("takes only the last attempt back when an earlier one counted", () => {
    const second = transitions.claim(
      complete(running(), { type: "retry", error, delayMs: 0 }),
      "w2",
      at(4),
    );
    expect(complete(second, { type: "release" })).toMatchObject({
      workerIds: ["w1"],
      startedAt: at(1),
      failures: 1,
    });
  });

  it("stores what the attempt changed, whatever the outcome", () => {
    const log = { level: "info", message: "hi", attempt: 1, loggedAt: at(1) } as const;
    const changes = { progress: null, metadata: { a: 1 }, logs: [log] };
    const before = running({ progress: 5 });
    for (const outcome of [{ type: "release" }, { type: "failed", error }] as const) {
      expect(transitions.complete(before, outcome, changes, at(2))).toMatchObject(changes);
    }
    expect(complete(before, { type: "release" }).progress).toBe(5);
  });
});

describe("cancel", () => {
  it("fails a waiting one at once", () => {
    const record = transitions.cancel(recordOf(), at(2));
    expect(record).toMatchObject({ status: "FAILED", finishedAt: at(2) });
    expect(record.errors).toMatchObject([
      {
        exceptionClass: "TaskCancelled",
        message: "Task was cancelled.",
        attempt: 0,
        workerId: null,
      },
    ]);
    expect(taskState(record)).toBe("cancelled");
  });

  it("remembers the wish for a running one, and leaves a finished one alone", () => {
    expect(transitions.cancel(running(), at(2))).toMatchObject({
      status: "RUNNING",
      cancelRequested: true,
    });
    const finished = complete(running(), { type: "failed", error });
    expect(transitions.cancel(finished, at(3))).toBe(finished);
  });

  it.each<AttemptOutcome>([
    { type: "successful", returnValue: 1, returnValueJson: "1" },
    { type: "retry", error, delayMs: 0 },
    { type: "snooze", delayMs: 0 },
    { type: "release" },
  ])("wins over an outcome of type $type that did not know of it", (outcome) => {
    const asked = transitions.cancel(running(), at(2));
    const { record, answer } = transitions.settle(
      asked,
      { outcome, changes: { progress: 1 }, cancelled: false },
      at(3),
    );
    expect(answer).toBe("cancelled");
    expect(record).toMatchObject({
      status: "FAILED",
      returnValue: null,
      progress: 1,
      cancelRequested: false,
    });
    expect(taskState(record)).toBe("cancelled");
  });

  it("is recorded once when the worker had seen it", () => {
    const asked = transitions.cancel(running(), at(2));
    const seen = { outcome: { type: "failed", error }, changes: null, cancelled: true } as const;
    const { record, answer } = transitions.settle(asked, seen, at(3));
    expect(answer).toBe("recorded");
    expect(record.errors).toEqual([error]);
  });
});

describe("recover", () => {
  it("counts what a dead session held as lost", () => {
    const before = running();
    expect(recover(before, "a-session", at(2))).toEqual(transitions.lose(before, at(2)));
  });

  it("leaves nothing of what was given back before it began", () => {
    const before = recordOf();
    const claimed = transitions.claim(before, "w1", at(1));
    const after = { ...before, lastAttemptedAt: at(1) };
    expect(recover(claimed, givenBackBy("a-session"), at(2))).toEqual(after);
  });

  it("ends what was given back and cancelled", () => {
    const before = { ...running(), cancelRequested: true };
    expect(taskState(recover(before, givenBackBy("a-session"), at(2)))).toBe("cancelled");
  });
});

describe("lose", () => {
  it("makes it READY again, counting toward maxLost and not toward maxAttempts", () => {
    expect(transitions.lose(running({ maxLost: 1 }), at(2))).toMatchObject({
      status: "READY",
      lost: 1,
      failures: 0,
      workerIds: ["w1"],
    });
  });

  it("fails it with TaskLost above maxLost", () => {
    const record = transitions.lose(running({ maxLost: 1, lost: 1 }), at(2));
    expect(record).toMatchObject({ status: "FAILED", lost: 2, finishedAt: at(2) });
    expect(record.errors.at(-1)).toMatchObject({
      exceptionClass: "TaskLost",
      message: "The worker vanished while it ran the task; 2 attempts were lost and maxLost is 1.",
      attempt: 1,
      workerId: "w1",
    });
    expect(taskState(record)).toBe("lost");
  });

  it("fails it at once when maxLost is 0", () => {
    expect(transitions.lose(running({ maxLost: 0 }), at(2)).errors.at(-1)?.message).toContain(
      "1 attempt was lost",
    );
  });

  it("cancels it when that was asked for", () => {
    const record = transitions.lose({ ...running(), cancelRequested: true }, at(2));
    expect(taskState(record)).toBe("cancelled");
  });
});

describe("a clock that was set back", () => {
  const dueAt = at(1);
  const back = at(-3600);

  it.each([
    ["lost", (record: TaskRecord) => transitions.lose(record, back)],
    [
      "released",
      (record: TaskRecord) => transitions.complete(record, { type: "release" }, null, back),
    ],
    [
      "retried by hand",
      (record: TaskRecord) => transitions.retry(transitions.lose(record, back), back),
    ],
  ])("does not defer what was due and is %s", (what, transition) => {
    const maxLost = what === "lost" ? 1 : 0;
    for (const times of [{ runAfter: dueAt }, { enqueuedAt: dueAt }]) {
      const record = transition(running({ ...times, maxLost }));
      expect(record.status).toBe("READY");
      expect((record.runAfter ?? record.enqueuedAt) <= back).toBe(true);
    }
  });

  it("does not change when a task fell due that is due still", () => {
    const record = running({ runAfter: dueAt });
    expect(transitions.lose(record, at(2)).runAfter).toEqual(dueAt);
    expect(transitions.complete(record, { type: "release" }, null, at(2)).runAfter).toEqual(dueAt);
  });
});

describe("retry by hand", () => {
  it("gives a failed one a fresh allowance and keeps its history", () => {
    const failed = transitions.lose(running({ maxLost: 0, runAfter: at(0) }), at(2));
    expect(transitions.retry(failed, at(2))).toMatchObject({
      status: "READY",
      runAfter: null,
      finishedAt: null,
      failures: 0,
      lost: 0,
      workerIds: ["w1"],
      errors: failed.errors,
    });
  });
});

it("never changes the record it is given", () => {
  const before = Object.freeze(running());
  const copy = structuredClone(before);
  complete(before, { type: "failed", error });
  transitions.lose(before, at(2));
  transitions.cancel(before, at(2));
  transitions.retry(before, at(2));
  expect(before).toEqual(copy);
});

describe("answerRepeated", () => {
  const success = { type: "successful", returnValue: 1, returnValueJson: "1" } as const;
  const failure = { type: "failed", error } as const;
  const ask = (record: TaskRecord, outcome: AttemptOutcome, isLatest = true): string =>
    transitions.answerRepeated(record, { outcome }, isLatest);

  it("knows an outcome that it stored before", () => {
    expect(ask(complete(running(), success), success)).toBe("recorded");
    expect(ask(complete(running(), failure), failure)).toBe("recorded");
  });

  it("knows a failure even when the result was claimed again since", () => {
    const retry = { type: "retry", error, delayMs: 0 } as const;
    const again = transitions.claim(complete(running(), retry), "w2", at(3));
    expect(ask(again, retry, false)).toBe("recorded");
  });

  it("takes nothing of others for its own", () => {
    expect(ask(complete(running(), success), success, false)).toBe("lost");
    expect(ask(complete(running(), success), failure)).toBe("lost");
    expect(ask(complete(running(), failure), success)).toBe("lost");
    expect(ask(transitions.lose(running({ maxLost: 0 }), at(3)), failure)).toBe("lost");
    expect(ask(transitions.lose(running({ maxLost: 3 }), at(3)), success)).toBe("lost");
    expect(ask(transitions.lose(running({ maxLost: 3 }), at(3)), { type: "release" })).toBe("lost");
  });
});
