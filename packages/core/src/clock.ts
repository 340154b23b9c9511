/** Where a backend without a store of its own takes the time from. */
export interface Clock {
  now(): Date;
  /** Tells a listener that time jumped; only clocks that are set by hand do. The returned function takes it away again. */
  onChange?(listener: () => void): () => void;
}

/** The machine's clock. */
export const systemClock: Clock = { now: () => new Date() };
