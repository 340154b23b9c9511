import type { Places } from "../harness/place.ts";
import type { Target } from "../report/targets.ts";
import type { Contender } from "./contender.ts";

/** A store, and who is measured on it. */
export interface Store {
  readonly name: string;
  /** Ours first, then the limit, then the other queues. */
  readonly contenders: readonly Contender[];
  readonly targets: readonly Target[];
  /** Starts what it needs. @param folder where files go. */
  open(folder: string): Promise<Places>;
}
