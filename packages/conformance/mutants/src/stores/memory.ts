import { MemoryBackend } from "@tasks/core";

import type { MutantStore } from "./store.ts";

/** In this process. */
export const store: MutantStore = {
  define: () => ({
    createBackend: ({ queues, leaseMs }) => new MemoryBackend({ queues, leaseMs }),
    sharesStore: false,
  }),
};
