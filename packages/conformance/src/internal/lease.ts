/** Lease of workers in requirements about leases, in milliseconds. */
export const SHORT_LEASE_MS = 1000;
/** Lease in all other requirements, in milliseconds: a machine that stalls for a moment must not cost them their tasks. */
export const LONG_LEASE_MS = 60_000;
