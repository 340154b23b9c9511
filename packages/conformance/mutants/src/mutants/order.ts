import type { TaskRecord } from "@tasks/core";
import type { ClaimedTask } from "@tasks/core/worker";

import type { Mutant } from "../mutant.ts";

/** Mistakes in the order of claims, and claims that are not atomic. */
export const orderMutants: readonly Mutant[] = [
  ordering("order-without-priority", "Tasks run by their due times alone.", [byDue]),
  ordering("order-smallest-priority-first", "Smaller priorities run first.", [
    (a, b) => a.priority - b.priority,
    byDue,
  ]),
  ordering("order-due-before-priority", "Due times count before priorities.", [byDue, byPriority]),
  ordering("order-without-due-time", "Tasks run by priority and enqueue.", [byPriority]),
  ordering("order-latest-due-first", "Later due times run first.", [
    byPriority,
    (a, b) => byDue(b, a),
  ]),
  ordering(
    "order-last-in-first-out",
    "Among equals the newest runs first.",
    [byPriority, byDue],
    true,
  ),
  ordering("order-by-queue", "Tasks run queue by queue.", [
    (a, b) => (a.queueName < b.queueName ? -1 : Number(a.queueName > b.queueName)),
    byPriority,
    byDue,
  ]),
  ordering("order-deferred-first", "A deferred task that fell due runs before the others.", [
    byPriority,
    (a, b) => Number(a.runAfter === null) - Number(b.runAfter === null),
    byDue,
  ]),
  ordering("order-new-before-tried", "A task that was tried before waits behind new ones.", [
    byPriority,
    (a, b) => Number(a.lost > 0) - Number(b.lost > 0),
    byDue,
  ]),
  {
    name: "claims-shared",
    topic: "claim",
    sentence: "Two claims at the same time are given the same tasks.",
    worker: {
      claim: (claim) => {
        let underWay: Promise<readonly ClaimedTask[]> | undefined;
        return (request) => {
          underWay ??= claim(request).finally(() => (underWay = undefined));
          return underWay;
        };
      },
    },
  },
];

type Compare = (a: TaskRecord, b: TaskRecord) => number;

/** Claims one by one what is due, in the mutant's order. */
function ordering(
  name: string,
  sentence: string,
  compares: readonly Compare[],
  isNewestFirst = false,
): Mutant {
  return {
    name,
    topic: "order",
    sentence,
    worker: {
      claim:
        (claim, { backend }) =>
        async (request) => {
          if (request.id !== undefined) return claim(request);
          const { records } = await backend.listRecords({ status: "READY", limit: 1000 });
          const waiting = records
            .toReversed()
            .filter(
              (record) =>
                !record.blocked &&
                (request.queueNames.includes("*") ||
                  request.queueNames.includes(record.queueName)) &&
                !request.excludeQueues.includes(record.queueName) &&
                dueMs(record) <= backend.now().getTime(),
            );
          const places = new Map(waiting.map((record, place) => [record, place]));
          const ordered = waiting.toSorted((a, b) => {
            for (const compare of compares) {
              const order = compare(a, b);
              if (order !== 0) return order;
            }
            return (places.get(a)! - places.get(b)!) * (isNewestFirst ? -1 : 1);
          });
          const claimed: ClaimedTask[] = [];
          for (const { id } of ordered) {
            if (claimed.length === request.limit) break;
            claimed.push(...(await claim({ ...request, id })));
          }
          return claimed.length > 0 ? claimed : claim({ ...request, limit: 0 });
        },
    },
  };
}

function byPriority(a: TaskRecord, b: TaskRecord): number {
  return b.priority - a.priority;
}

function byDue(a: TaskRecord, b: TaskRecord): number {
  return dueMs(a) - dueMs(b);
}

function dueMs({ runAfter, enqueuedAt }: TaskRecord): number {
  return (runAfter ?? enqueuedAt).getTime();
}
