import { CompleteBackend } from "../support/complete-backend.ts";

/** Declares concurrency limits, and runs as many as come. */
export class ForgetsLimits extends CompleteBackend {
  static readonly fails: readonly string[] = [
    "concurrency.blocked",
    "concurrency.limit",
    "concurrency.limit-across-workers",
    "concurrency.one-keeps-order",
    "concurrency.others-go-on",
    "concurrency.per-key",
  ];

  override isAtLimit(): boolean {
    return false;
  }
}
