import { wholeNumber } from "@tasks/core";

import type { ConnectionOptions } from "./open-database.ts";

/**
 * How long a server may take to answer a statement, in milliseconds.
 *
 * @throws InvalidOption
 */
export function answerLimitOf({ answerLimitMs = 15_000 }: ConnectionOptions): number {
  return wholeNumber("answerLimitMs", answerLimitMs, 100, 3_600_000);
}
