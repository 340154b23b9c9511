import type { TestProject } from "vitest/node";

import type { ServiceName } from "./service.ts";
import { startServices, type RunningServices } from "./start-services.mjs";

/** What runs for this test run. Each project loads this file anew, so the memory is the process's. */
interface Shared {
  readonly running: Map<ServiceName, Promise<RunningServices>>;
  users: number;
}
const key = Symbol.for("tasks.test-services");
const store = globalThis as { [key]?: Shared };
const shared: Shared = (store[key] ??= { running: new Map(), users: 0 });

/** Starts what the project needs, unless an earlier project did, and hands the URLs to its tests. */
export async function setup(project: TestProject): Promise<void> {
  const names = project.config.provide.neededServices ?? [];
  shared.users += 1;
  const missing = names.filter((name) => !shared.running.has(name));
  if (missing.length > 0) startTogether(missing);
  const urls: Partial<Record<ServiceName, string>> = {};
  for (const name of names) {
    const url = (await shared.running.get(name))?.urls[name];
    if (url !== undefined) urls[name] = url;
  }
  project.provide("serviceUrls", urls);
}

function startTogether(names: readonly ServiceName[]): void {
  const startedAt = performance.now();
  const starting = startServices(...names).then((services) => {
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    console.log(`Services ready after ${seconds} s: ${names.join(", ")}`);
    return services;
  });
  for (const name of names) shared.running.set(name, starting);
}

/** Stops the servers when the last project is done with them. */
export async function teardown(): Promise<void> {
  shared.users -= 1;
  if (shared.users > 0) return;
  const services = await Promise.all(shared.running.values());
  shared.running.clear();
  await Promise.all([...new Set(services)].map((running) => running.stop()));
}
