import type { BackendSupports } from "@tasks/core";

import { BrokenBackend } from "./broken-backend.ts";

/** Does not declare pausing, and accepts it all the same. */
export class PausesSilently extends BrokenBackend {
  static readonly fails: readonly string[] = ["undeclared.pause-methods"];

  override readonly supports: BackendSupports = Object.freeze({
    ...new BrokenBackend().supports,
    pause: false,
  });

  override async pause(): Promise<void> {}
  override async resume(): Promise<void> {}
}
