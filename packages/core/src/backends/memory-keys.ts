import type { UniqueClaim } from "../backend.ts";
import type { TaskRecord } from "../task-record.ts";

/** What may hold a unique key. */
export interface KeyHolder {
  readonly record: TaskRecord;
  readonly unique: UniqueClaim | null;
}

/** Who holds which unique key. */
export class MemoryKeys<Holder extends KeyHolder> {
  readonly #holders = new Map<string, Holder>();

  /** Who holds a key; `undefined` when it is free. */
  holder({ key }: UniqueClaim, now: Date): Holder | undefined {
    const holder = this.#holders.get(key);
    if (holder?.unique?.scope !== "window") return holder;
    const freeAt = holder.record.enqueuedAt.getTime() + holder.unique.windowMs;
    return freeAt > now.getTime() ? holder : undefined;
  }

  /** Gives a holder its key, if it is to have one. */
  take(holder: Holder): void {
    if (holder.unique !== null) this.#holders.set(holder.unique.key, holder);
  }

  /** Its key is held until it starts. */
  isHeldUntilStart(holder: Holder): boolean {
    const { unique } = holder;
    return unique?.scope === "until-started" && this.#holders.get(unique.key) === holder;
  }

  /** It is finished, perhaps without ever having started. A window goes on. */
  finished(holder: Holder): void {
    if (holder.unique?.scope !== "window") this.release(holder);
  }

  /** Frees its key, unless another one holds it by now. */
  release(holder: Holder): void {
    if (holder.unique !== null && this.#holders.get(holder.unique.key) === holder) {
      this.#holders.delete(holder.unique.key);
    }
  }
}
