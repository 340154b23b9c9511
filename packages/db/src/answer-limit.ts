import { InvalidTaskBackend } from "@tasks/core";

import type { ConnectionOptions } from "./open-database.ts";

/**
 * How long a server may take to answer a statement, in milliseconds.
 *
 * @throws InvalidTaskBackend
 */
export function answerLimitOf({ answerLimitMs = 15_000 }: ConnectionOptions): number {
  if (Number.isInteger(answerLimitMs) && answerLimitMs >= 100 && answerLimitMs <= 3_600_000) {
    return answerLimitMs;
  }
  throw new InvalidTaskBackend(
    `answerLimitMs must be a whole number from 100 to 3600000, not ${String(answerLimitMs)}.`,
  );
}
