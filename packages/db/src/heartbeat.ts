import { InvalidOption } from "@tasks/core";

import type { ConnectionOptions, Database } from "./open-database.ts";

/**
 * Decides what renews leases.
 *
 * @param source where a thread would connect to; `null` when it cannot.
 * @param isFine nothing better is to be had, so that there is nothing to warn of.
 * @throws InvalidOption
 */
export function heartbeatOf(
  { heartbeat }: ConnectionOptions,
  source: string | object | null,
  isFine: boolean,
): Pick<Database, "leaseSource" | "isTimedUnasked"> {
  if (heartbeat !== undefined && heartbeat !== "thread" && heartbeat !== "timer") {
    throw new InvalidOption(
      `heartbeat must be "thread" or "timer", not ${JSON.stringify(heartbeat)}.`,
    );
  }
  if (heartbeat === "thread" && source === null) {
    throw new InvalidOption(
      'heartbeat "thread" needs a file or server given by url, or a database of node:sqlite, pg or mysql2.',
    );
  }
  return heartbeat === "timer"
    ? { leaseSource: null, isTimedUnasked: false }
    : { leaseSource: source, isTimedUnasked: source === null && !isFine };
}
