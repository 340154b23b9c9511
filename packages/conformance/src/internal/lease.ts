/** Lease of the suite's workers, in milliseconds: short, so that lost ones are found soon. */
export const LEASE_MS = 1000;
