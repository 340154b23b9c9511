import { BackendUnavailable } from "../errors.ts";
import { sleep } from "../internal/timing.ts";

/** How long workers of other processes may still begin tasks of a queue after it was paused, in milliseconds: longer than a claim is good for. */
const PAUSE_MS = 300;

/** A worker, as its group knows it. */
export interface WorkerGroupMember {
  /** Stops gracefully, and resolves when that is done. */
  stop(): Promise<void>;
  /** Asks the store again about what was claimed and has not begun, since a queue was paused. */
  recheckWaiting(): Promise<void>;
}

/** The running workers of one backend: they stop when it closes, and none starts afterwards. */
export class WorkerGroup {
  readonly #members = new Set<WorkerGroupMember>();
  #isClosed = false;

  /** @throws BackendUnavailable when the backend was closed. */
  join(member: WorkerGroupMember): void {
    if (this.#isClosed) {
      throw new BackendUnavailable("The backend was closed; no worker runs on it any more.");
    }
    this.#members.add(member);
  }

  leave(member: WorkerGroupMember): void {
    this.#members.delete(member);
  }

  /** Stops every worker. Call it before the store closes: workers record their last outcomes. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([...this.#members].map((member) => member.stop()));
  }

  /**
   * Resolves when no worker begins a task of a queue any more that was just paused.
   *
   * @param isShared workers of other processes may be at work on the store.
   */
  async paused(isShared: boolean): Promise<void> {
    const checked = [...this.#members].map((member) => member.recheckWaiting());
    await Promise.allSettled(checked);
    if (isShared) await sleep(PAUSE_MS);
  }
}
