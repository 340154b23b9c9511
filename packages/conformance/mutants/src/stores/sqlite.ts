import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";

import type { Backend } from "@tasks/core";
import { DatabaseBackend } from "@tasks/db";

import type { MutantStore } from "./store.ts";

type Prepare = (this: DatabaseSync, text: string, ...options: unknown[]) => unknown;

/** A file for each namespace. */
export const store: MutantStore = {
  define: () => {
    const folder = mkdtempSync(path.join(tmpdir(), "tasks-mutant-"));
    process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
    const callers = new WeakMap<Backend, DatabaseSync>();
    return {
      createBackend: async ({ namespace, ...options }) => {
        const file = path.join(folder, `${namespace}.db`);
        const tablePrefix = `${namespace}_`;
        const backend = new DatabaseBackend({ url: `sqlite:${file}`, tablePrefix, ...options });
        await backend.migrate();
        callers.set(backend, new DatabaseSync(file));
        return backend;
      },
      withTransaction: async (backend, run) => {
        const caller = callers.get(backend)!;
        caller.exec("begin immediate");
        try {
          const result = await run(caller);
          caller.exec("commit");
          return result;
        } catch (error) {
          caller.exec("rollback");
          throw error;
        }
      },
    };
  },
  rewrite: (rewriter) => {
    const { prototype } = DatabaseSync as unknown as { readonly prototype: { prepare: Prepare } };
    const { prepare } = prototype;
    prototype.prepare = function (text, ...options) {
      return prepare.call(this, rewriter(text), ...options);
    };
  },
};
