import type { Backend } from "@tasks/core";
import type { QueueWorker, WorkerStore } from "@tasks/core/worker";

import type { Mutant, Overrides, Parts } from "./mutant.ts";

/** Replaces methods of a backend and of its workers' stores by the mutant's. */
export async function breakBackend(backend: Backend, mutant: Mutant): Promise<void> {
  if (mutant.worker !== undefined || mutant.backend !== undefined) {
    const { store } = (await backend.createWorker({ queueNames: ["*"] })) as QueueWorker;
    override(backend, mutant.backend, { backend, store });
    breakWorkers(backend, mutant);
  }
}

/** Workers may share a store, or have one each. */
function breakWorkers(backend: Backend, { worker: overrides }: Mutant): void {
  if (overrides === undefined) return;
  const broken = new WeakSet<WorkerStore>();
  const createWorker = backend.createWorker.bind(backend);
  backend.createWorker = async (options) => {
    const worker = (await createWorker(options)) as QueueWorker;
    const { store } = worker;
    if (!broken.has(store)) override(store, overrides, { backend, store });
    broken.add(store);
    return worker;
  };
}

function override<T extends object>(
  target: T,
  overrides: Overrides<T> | undefined,
  parts: Parts,
): void {
  for (const [name, breakMethod] of Object.entries(overrides ?? {})) {
    const sound = (target[name as keyof T] as (() => unknown) | undefined)?.bind(target);
    const broken = (breakMethod as (sound: unknown, parts: Parts) => unknown)(sound, parts);
    Object.defineProperty(target, name, { value: broken, configurable: true, writable: true });
  }
}
