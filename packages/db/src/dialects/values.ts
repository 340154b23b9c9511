import type { TaskRecord } from "@tasks/core";

import { PHASE } from "../tables.ts";

/** The phase of a record that falls due at `due`. */
export function phaseOf({ status }: TaskRecord, due: number, now: number): number {
  switch (status) {
    case "READY":
      return due <= now ? PHASE.ready : PHASE.scheduled;
    case "RUNNING":
      return PHASE.running;
    case "SUCCESSFUL":
      return PHASE.successful;
    case "FAILED":
      return PHASE.failed;
  }
}

/** JSON text; SQL's null for null. */
export function jsonOrNull(value: unknown): string | null {
  return value === null ? null : JSON.stringify(value);
}
