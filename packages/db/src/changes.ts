/** What a change may mean to those who wait: there may be work, or a result may be finished. */
export type ChangeKind = "work" | "finished";

/** Tells that something changed in the store, in this process or another. */
export interface Changes {
  /** Calls `listener` after every change of the kind, and now and then without one, until the returned function is called. */
  listen(kind: ChangeKind, listener: () => void): () => void;
  /**
   * The sender with which the statement that makes a change may tell other processes of it; `null` where they are told in another way, or lately were.
   * To be reported by `announce` all the same.
   */
  teller?(kind: ChangeKind): string | null;
  /** Reports a change made by this process. @param isTold other processes know of it. */
  announce(kind: ChangeKind, isTold?: boolean): void;
  /** Wakes everybody for the last time. */
  close(): Promise<void>;
}
