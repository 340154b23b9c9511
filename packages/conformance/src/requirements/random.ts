import { playRandomSteps } from "../internal/random/play.ts";
import type { Requirement } from "../requirement.ts";

/** Random operations, held to a model of core's transitions. */
export const randomRequirements: readonly Requirement[] = [
  {
    id: "random.life",
    sentence:
      "After random operations of workers and callers every result is as the transitions make it.",
    needs: ["workerStore", "getResult"],
    timeoutMs: 60_000,
    test: (t) => playRandomSteps(t, "life"),
  },
  {
    id: "random.order",
    sentence: "After random enqueues, pauses and claims, claims return the due tasks, best first.",
    needs: ["workerStore", "getResult", "queues"],
    timeoutMs: 60_000,
    test: (t) => playRandomSteps(t, "order"),
  },
  {
    id: "random.unique",
    sentence: "During random operations a unique key is taken exactly as long as its scope says.",
    needs: ["workerStore", "getResult", "unique"],
    timeoutMs: 60_000,
    test: (t) => playRandomSteps(t, "unique"),
  },
  {
    id: "random.lists",
    sentence:
      "After random operations lists, counts, queues and prune agree with the stored results.",
    needs: ["workerStore", "getResult", "list"],
    timeoutMs: 60_000,
    test: (t) => playRandomSteps(t, "lists"),
  },
];
