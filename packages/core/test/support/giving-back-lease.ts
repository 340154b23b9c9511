import { keepLease } from "@tasks/core/lease-thread";

/** Counts in shared memory what is given back. Runs in a thread. */
keepLease((shared: SharedArrayBuffer) => {
  const counts = new Int32Array(shared);
  return {
    renew: () => undefined,
    giveBack: (attempts) => {
      Atomics.add(counts, 0, attempts.length);
      Atomics.notify(counts, 0);
    },
    close: () => undefined,
  };
});
