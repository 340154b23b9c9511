/** Runs in a thread of its own, so it imports nothing that takes time to load. */
import { utimes } from "node:fs/promises";

import { keepLease } from "@tasks/core/lease-thread";

/** Keeps a session alive, however busy its worker is. Renewing fails once others have given the session up. */
keepLease(({ path }: { readonly path: string }) => ({
  async renew() {
    const now = new Date();
    await utimes(path, now, now);
  },
  close() {},
}));
