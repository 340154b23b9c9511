import type { PruneOptions } from "./backend.ts";
import { InvalidOption } from "./errors.ts";
import { assertWhole } from "./internal/assert-option.ts";
import { assertKnownOptions } from "./known-options.ts";

/** How long finished results are kept when nothing else is said, in milliseconds. */
const DEFAULT_AGE_MS = 14 * 86_400_000;

/** Options of `prune` after defaults and checks. */
export interface ResolvedPruneOptions {
  readonly minAgeMs: number;
  readonly failedMinAgeMs: number;
  /** `null` for all. */
  readonly queueNames: readonly string[] | null;
  readonly dryRun: boolean;
  readonly batchSize: number;
  readonly onProgress: ((deleted: number, total: number) => void) | undefined;
  readonly signal: AbortSignal | undefined;
}

/**
 * Applies the defaults of `prune` and checks, for backends that have it.
 *
 * @throws InvalidOption for a bad value or an unknown option: one letter must not turn a dry run into a deletion.
 */
export function resolvePruneOptions(options: PruneOptions = {}): ResolvedPruneOptions {
  assertKnownOptions("prune()", options, {
    minAgeMs: 1,
    failedMinAgeMs: 1,
    queueNames: 1,
    dryRun: 1,
    batchSize: 1,
    onProgress: 1,
    signal: 1,
  });
  const { minAgeMs = DEFAULT_AGE_MS, failedMinAgeMs = minAgeMs, queueNames } = options;
  const { dryRun = false, batchSize = 1000, onProgress, signal } = options;
  assertAge("minAgeMs", minAgeMs);
  assertAge("failedMinAgeMs", failedMinAgeMs);
  assertWhole("batchSize", batchSize, 1, 100_000);
  const isAll = queueNames === undefined || queueNames.includes("*");
  return {
    minAgeMs,
    failedMinAgeMs,
    queueNames: isAll ? null : queueNames,
    dryRun,
    batchSize,
    onProgress,
    signal,
  };
}

/** @throws InvalidOption unless it is a number of milliseconds from 0. */
export function assertAge(option: string, ms: number): void {
  if (Number.isFinite(ms) && ms >= 0) return;
  throw new InvalidOption(`${option} must be a number of milliseconds from 0, not ${String(ms)}.`);
}
