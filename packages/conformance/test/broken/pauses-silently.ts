import { BrokenBackend } from "./broken-backend.ts";

/** Does not declare pausing, and accepts it all the same. */
export class PausesSilently extends BrokenBackend {
  static readonly fails: readonly string[] = ["undeclared.pause-methods"];

  override async pause(): Promise<void> {}
  override async resume(): Promise<void> {}
}
