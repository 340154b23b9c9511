/** A lease whose renewals fail while shared memory says so, and are counted when they do not. Runs in a thread. */
import { keepLease } from "@tasks/core/lease-thread";

keepLease((shared: SharedArrayBuffer) => {
  const [isAway, renewals] = [0, 1];
  const state = new Int32Array(shared);
  return {
    renew: () => {
      if (state[isAway] === 1) throw new Error("away");
      Atomics.add(state, renewals, 1);
    },
    close: () => undefined,
  };
});
