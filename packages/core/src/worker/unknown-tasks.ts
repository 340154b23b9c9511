import { monotonicNow } from "../internal/monotonic-now.ts";
import { log } from "../log.ts";
import type { ClaimRequest, WorkerStore } from "./worker-store.ts";

/** How often the warning is repeated, in milliseconds. */
const REPEAT_MS = 60_000;

/** Warns of ready tasks that this process does not know, and therefore leaves alone. */
export class UnknownTasks {
  readonly #store: WorkerStore;
  #lookedAtMs = Number.NEGATIVE_INFINITY;

  constructor(store: WorkerStore) {
    this.#store = store;
  }

  /** Looks at most once a minute, unless asked to look now. */
  async warn(request: ClaimRequest, now = false): Promise<void> {
    if (!now && monotonicNow() - this.#lookedAtMs < REPEAT_MS) return;
    this.#lookedAtMs = monotonicNow();
    const names = await this.#store.unknownTasks(request);
    if (names.length === 0) return;
    log(
      "warn",
      `Worker ${request.session.workerId} leaves tasks alone that are not registered here: ${names.join(", ")}. ` +
        "Import the modules that define them before the worker starts.",
    );
  }
}
