/** What a change may mean to those who wait: there may be work, or a result may be finished. */
export type ChangeKind = "work" | "finished";

/** Tells that something changed in the store, in this process or another. */
export interface Changes {
  /** Calls `listener` after every change of the kind, and now and then without one, until the returned function is called. */
  listen(kind: ChangeKind, listener: () => void): () => void;
  /** Reports a change made by this process. */
  announce(kind: ChangeKind): void;
  /** Wakes everybody for the last time. */
  close(): Promise<void>;
}
