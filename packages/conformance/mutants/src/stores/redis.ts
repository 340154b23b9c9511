import { afterCommit, RQBackend } from "@tasks/rq";
import { Redis } from "ioredis";

import { serverUrl, type MutantStore } from "./store.ts";

type Call = (this: Redis, command: string, ...rest: unknown[]) => Promise<unknown>;

/** Keys of its own for each namespace, on the server of `REDIS_URL`. */
export const store: MutantStore = {
  define: () => {
    const url = serverUrl("REDIS_URL");
    return {
      createBackend: ({ namespace, ...options }) =>
        new RQBackend({ url, prefix: namespace, ...options }),
      withTransaction: (_backend, run) => afterCommit(run),
    };
  },
  rewrite: (rewriter) => {
    const prototype = Redis.prototype as unknown as { call: Call };
    const { call } = prototype;
    prototype.call = async function (command, ...rest) {
      const [values] = rest;
      // A server knows scripts by a digest of their text, so each is sent as a whole.
      if (command === "EVALSHA") throw new Error("NOSCRIPT No matching script.");
      if (command !== "EVAL" || !Array.isArray(values)) return call.call(this, command, ...rest);
      const [lua, ...others] = values as [string, ...unknown[]];
      return call.call(this, command, [rewriter(lua), ...others]);
    };
  },
};
