import { Backend, task, withBackends, type BackendSupports, type Task } from "@tasks/core";
import { QueueWorker } from "@tasks/core/worker";

import type { BackendDefinition } from "./definition.ts";
import { within } from "./internal/deadline.ts";
import { SHORT_LEASE_MS } from "./internal/lease.ts";
import { createNamespace } from "./internal/names.ts";
import { startRecording } from "./internal/recorder.ts";
import type { Need, Requirement } from "./requirement.ts";

/** What a backend and its surroundings offer, found out once before the first requirement. */
export interface Profile {
  readonly supports: BackendSupports;
  /** Needs that are met. */
  readonly offers: ReadonlySet<Need>;
}

/** Why a requirement does not apply; `undefined` when it does. */
export function whyNotApplicable(requirement: Requirement, profile: Profile): string | undefined {
  const { lacks } = requirement;
  if (lacks !== undefined && isDeclared(profile.supports, lacks)) {
    return `the backend supports ${lacks}`;
  }
  const missing = requirement.needs.find((need) => !profile.offers.has(need));
  return missing === undefined
    ? undefined
    : (REASONS[missing as never] ?? `supports no ${missing}`);
}

/** Opens the backend once, looks at what it says of itself and at what it does with a task. */
export async function readProfile(definition: BackendDefinition): Promise<Profile> {
  const namespace = createNamespace();
  const stopRecording = startRecording();
  const backend = await definition.createBackend({
    namespace,
    queues: [],
    leaseMs: SHORT_LEASE_MS,
  });
  try {
    const { supports } = backend;
    const offers = new Set<Need>();
    for (const [name, value] of Object.entries(supports)) {
      if (value === true || (name === "transaction" && value !== false)) offers.add(name as Need);
    }
    const runsAtOnce = await within(10_000, "The first enqueue", enqueueProbe(backend));
    if (!runsAtOnce) offers.add("queued");
    if (runsAtOnce || supports.worker) offers.add("execution");
    if (backend.queueNames.length === 0) offers.add("queues");
    if (definition.sharesStore ?? supports.worker) offers.add("secondHandle");
    if (definition.oneConnection !== true) offers.add("outsideView");
    if (backend.waitForChange !== Backend.prototype.waitForChange) offers.add("resultWakeUps");
    if (supports.worker) await readWorker(backend, offers);
    return { supports, offers };
  } finally {
    await backend.close();
    await definition.destroy?.({ namespace });
    stopRecording();
  }
}

const REASONS: Partial<Record<Need, string>> = {
  queued: "the backend runs tasks inside enqueue",
  execution: "the backend runs no tasks",
  queues: "createBackend does not pass `queues` on",
  secondHandle: "the store cannot be opened twice (sharesStore is false)",
  outsideView:
    "the store has one connection, which an open transaction has to itself (oneConnection is true)",
  workerStore: "its workers are not QueueWorkers, whose store could be driven step by step",
  wakeUps: "its store does not notify idle workers (it has no waitForWork)",
  resultWakeUps:
    "it does not notify those who wait for a result (it has no waitForChange of its own)",
  shortLease: "createBackend does not pass `leaseMs` on",
};

function isDeclared(supports: BackendSupports, ability: keyof BackendSupports): boolean {
  return supports[ability] !== false;
}

async function enqueueProbe(backend: Backend): Promise<boolean> {
  const result = await withBackends({ default: backend }, () => probe().enqueue());
  return result.isFinished;
}

async function readWorker(backend: Backend, offers: Set<Need>): Promise<void> {
  const worker = await backend.createWorker({ queueNames: ["*"] });
  if (worker instanceof QueueWorker) {
    offers.add("workerStore");
    if (worker.store.waitForWork !== undefined) offers.add("wakeUps");
  }
  // A lease is over after recoveryMs at the latest, so a bound that is this small shows that the option arrived.
  if (backend.supports.recoveryMs <= SHORT_LEASE_MS + 5000) offers.add("shortLease");
}

let probeTask: Task<[], null> | undefined;

/** Synchronous, because a backend may refuse async tasks. */
function probe(): Task<[], null> {
  probeTask ??= task({ name: "tasks.conformance.probe" }, () => {});
  return probeTask;
}
