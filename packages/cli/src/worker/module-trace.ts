import * as nodeModule from "node:module";
import { fileURLToPath } from "node:url";

import type { ParentProcess } from "../io.ts";

/** What a watched worker tells the process that restarts it. */
export interface WatchMessage {
  readonly type: "tasks:files";
  /** Absolute paths of files whose change calls for a restart. */
  readonly files: readonly string[];
}

/** Tells whether a message came from a watched worker. */
export function isWatchMessage(message: unknown): message is WatchMessage {
  return (
    typeof message === "object" &&
    message !== null &&
    "type" in message &&
    message.type === "tasks:files" &&
    "files" in message &&
    Array.isArray(message.files)
  );
}

/** Tells the parent which files this worker is made of. */
export function reportFiles(parent: ParentProcess, files: readonly string[]): void {
  parent.send({ type: "tasks:files", files } satisfies WatchMessage);
}

/**
 * Tells the parent every file of the project that is imported from here on, also when the import fails half-way.
 * Node.js before 22.15 has no hooks for it; there only the configuration and the task modules themselves are watched.
 */
export function reportImports(parent: ParentProcess): void {
  nodeModule.registerHooks?.({
    load: (url, context, nextLoad) => {
      if (url.startsWith("file:") && !url.includes("/node_modules/")) {
        reportFiles(parent, [fileURLToPath(url)]);
      }
      return nextLoad(url, context);
    },
  });
}
