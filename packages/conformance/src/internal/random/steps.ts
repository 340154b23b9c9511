import type { BackendSupports } from "@tasks/core";
import type { AttemptOutcome } from "@tasks/core/worker";
import type * as fastCheck from "fast-check";
import type { Arbitrary } from "fast-check";

/** One thing that is done to the backend and to the model. Numbers choose among what is there at that moment. */
export type Step =
  | { readonly type: "enqueue"; readonly tasks: readonly RandomTask[] }
  | {
      readonly type: "claim";
      readonly worker: number;
      readonly limit: number;
      readonly queues: QueueChoice;
    }
  | {
      readonly type: "complete";
      readonly worker: number;
      readonly attempts: readonly RandomCompletion[];
    }
  | { readonly type: "update"; readonly attempt: number; readonly value: number }
  | { readonly type: "check"; readonly worker: number }
  | { readonly type: "kill"; readonly worker: number }
  | { readonly type: "renew"; readonly worker: number }
  | { readonly type: "advance" }
  | { readonly type: "cancel" | "retry" | "delete"; readonly result: number }
  | { readonly type: "pause" | "resume"; readonly queue: number }
  | { readonly type: "prune"; readonly kind: PruneKind; readonly isDryRun: boolean }
  | { readonly type: "list"; readonly filter: number; readonly limit: number }
  | { readonly type: "count" };

/** What is enqueued. */
export interface RandomTask {
  readonly queue: number;
  readonly task: number;
  readonly priority: number;
  readonly due: "at once" | "in an hour" | "an hour ago";
  readonly maxLost: number;
  readonly unique: {
    readonly key: number;
    readonly scope: "until-finished" | "window";
    readonly onConflict: "return-existing" | "reject";
  } | null;
}

/** How an attempt ends. */
export interface RandomCompletion {
  /** Among all attempts that the worker ever claimed, the latest first. */
  readonly attempt: number;
  readonly outcome: AttemptOutcome["type"];
  readonly isLater: boolean;
  readonly hasChanges: boolean;
}

/** Which queues a claim serves. */
export type QueueChoice = "all" | "all but the first" | "the first" | "the last two";

/** What a prune deletes. */
export type PruneKind = "all" | "successful" | "failed" | "the first queue";

type FastCheck = typeof fastCheck;

/** Which steps a requirement wants to see often. */
export type Focus = "life" | "order" | "unique" | "lists";

/** Makes lists of steps that a backend supports. */
export function arbitrarySteps(
  fc: FastCheck,
  focus: Focus,
  supports: BackendSupports,
  canAdvance: boolean,
): Arbitrary<readonly Step[]> {
  const often = (wanted: Focus, weight: number): number => (focus === wanted ? 4 * weight : weight);
  const small = fc.nat({ max: 30 });
  const worker = fc.nat({ max: 1 });
  const when = (isSupported: boolean, weight: number, arbitrary: Arbitrary<Step>) => ({
    weight: isSupported ? weight : 0,
    arbitrary,
  });
  const step = <T extends Step["type"]>(type: T, rest: object): Arbitrary<Step> =>
    fc.record({ type: fc.constant(type), ...rest }) as unknown as Arbitrary<Step>;
  const steps = [
    when(true, often("order", 6), step("enqueue", { tasks: tasksOf(fc, focus, supports) })),
    when(
      true,
      often("order", 4),
      step("claim", {
        worker,
        limit: fc.integer({ min: 1, max: 4 }),
        queues: fc.constantFrom("all", "all", "all but the first", "the first", "the last two"),
      }),
    ),
    when(
      true,
      often("life", 5),
      step("complete", { worker, attempts: completionsOf(fc, supports) }),
    ),
    when(supports.progress && supports.logs, 1, step("update", { attempt: small, value: small })),
    when(true, 1, step("check", { worker })),
    when(true, often("life", 1), step("kill", { worker })),
    when(true, 1, step("renew", { worker })),
    when(canAdvance, 1, step("advance", {})),
    when(supports.cancel, often("unique", 1), step("cancel", { result: small })),
    when(supports.retry, often("life", 1), step("retry", { result: small })),
    when(supports.list, often("unique", 1), step("delete", { result: small })),
    when(supports.pause, often("order", 1), step("pause", { queue: small })),
    when(supports.pause, often("order", 1), step("resume", { queue: small })),
    when(
      supports.list,
      often("lists", 1),
      step("prune", {
        kind: fc.constantFrom("all", "successful", "failed", "the first queue"),
        isDryRun: fc.boolean(),
      }),
    ),
    when(
      supports.list,
      often("lists", 2),
      step("list", { filter: small, limit: fc.integer({ min: 1, max: 4 }) }),
    ),
    when(supports.list, often("lists", 1), step("count", {})),
  ];
  return fc.array(fc.oneof(...steps.filter(({ weight }) => weight > 0)), {
    minLength: 10,
    maxLength: 40,
    size: "max",
  });
}

function tasksOf(
  fc: FastCheck,
  focus: Focus,
  supports: BackendSupports,
): Arbitrary<readonly RandomTask[]> {
  const unique = fc.record({
    key: fc.nat({ max: 2 }),
    scope: fc.constantFrom("until-finished" as const, "window" as const),
    onConflict: fc.constantFrom("return-existing" as const, "reject" as const),
  });
  const task = fc.record({
    queue: fc.nat({ max: 2 }),
    task: fc.nat({ max: 1 }),
    priority: supports.priority ? fc.integer({ min: -1, max: 1 }) : fc.constant(0),
    due: supports.defer
      ? fc.constantFrom(
          "at once" as const,
          "at once" as const,
          "in an hour" as const,
          "an hour ago" as const,
        )
      : fc.constant("at once" as const),
    maxLost: fc.nat({ max: 2 }),
    unique: supports.unique
      ? fc.option(unique, { freq: focus === "unique" ? 5 : 1, nil: null })
      : fc.constant(null),
  });
  return fc.array(task, { minLength: 1, maxLength: supports.batch ? 4 : 1 });
}

function completionsOf(
  fc: FastCheck,
  supports: BackendSupports,
): Arbitrary<readonly RandomCompletion[]> {
  const completion = fc.record({
    attempt: fc.nat({ max: 5 }),
    outcome: fc.constantFrom(
      "successful" as const,
      "failed" as const,
      "retry" as const,
      "snooze" as const,
      "release" as const,
    ),
    isLater: fc.boolean(),
    hasChanges: supports.progress && supports.logs ? fc.boolean() : fc.constant(false),
  });
  return fc.uniqueArray(completion, {
    minLength: 1,
    maxLength: 3,
    selector: ({ attempt }) => attempt,
  });
}
