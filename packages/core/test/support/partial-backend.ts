import {
  Backend,
  ImmediateBackend,
  type BackendSupports,
  type Enqueued,
  type EnqueueOptions,
  type EnqueueRequest,
} from "@tasks/core";
import { transitions } from "@tasks/core/worker";

/** The smallest backend a third party could write: it keeps what it is given and does nothing else. */
export class PartialBackend extends Backend {
  override readonly supports: BackendSupports;
  readonly requests: EnqueueRequest[] = [];
  readonly enqueueOptions: (EnqueueOptions | undefined)[] = [];

  constructor(supports: Partial<BackendSupports> = {}, queues?: readonly string[]) {
    super({ queues });
    this.supports = Object.freeze({ ...new ImmediateBackend().supports, ...supports });
  }

  override async enqueue(request: EnqueueRequest, options?: EnqueueOptions): Promise<Enqueued> {
    this.requests.push(request);
    this.enqueueOptions.push(options);
    return { record: transitions.enqueue(request, this.now()), deduplicated: false };
  }
}
