import { setImmediate } from "node:timers/promises";

import type { StatusCounts } from "@tasks/core";

import { BrokenBackend } from "./broken-backend.ts";

/** Counts one status after another, while tasks go on moving. */
export class CountsInSteps extends BrokenBackend {
  static readonly fails: readonly string[] = ["monitor.one-moment"];

  override async counts(options?: { readonly queueName?: string }): Promise<StatusCounts> {
    const { READY } = await super.counts(options);
    await setImmediate();
    return { ...(await super.counts(options)), READY };
  }
}
