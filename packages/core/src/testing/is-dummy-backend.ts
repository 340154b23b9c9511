import type { Backend } from "../backend.ts";
import type { DummyBackend } from "../backends/dummy-backend.ts";

/** By shape, so that a backend of a second copy of this package counts too. */
export function isDummyBackend(backend: Backend): backend is DummyBackend {
  return "results" in backend && "runReady" in backend;
}
