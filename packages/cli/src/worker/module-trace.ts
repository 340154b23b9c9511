import * as nodeModule from "node:module";
import { fileURLToPath } from "node:url";

import type { ParentProcess } from "../io.ts";
import type { Session } from "../session.ts";

/** What a watched worker tells the process that restarts it. */
export interface WatchMessage {
  readonly type: "tasks:files";
  /** Absolute paths of files whose change calls for a restart. */
  readonly files: readonly string[];
}

/** Every file this process imports, from here on. */
export interface ModuleTrace {
  readonly parent: ParentProcess;
  readonly files: ReadonlySet<string>;
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

/**
 * Notes every file of the project that is imported from here on, also while the import fails half-way.
 * Node.js before 22.15 has no hooks for it; there only the configuration and the task modules themselves are watched.
 */
export function traceImports(parent: ParentProcess): ModuleTrace {
  const files = new Set<string>();
  nodeModule.registerHooks?.({
    load: (url, context, nextLoad) => {
      if (url.startsWith("file:") && !url.includes("/node_modules/")) {
        files.add(fileURLToPath(url));
        parent.send({ type: "tasks:files", files: [...files] } satisfies WatchMessage);
      }
      return nextLoad(url, context);
    },
  });
  return { parent, files };
}

/** Tells the parent the files that were found without hooks. */
export function reportFiles({ parent, files }: ModuleTrace, session: Session): void {
  parent.send({
    type: "tasks:files",
    files: [...new Set([...files, session.loaded.file, ...session.taskModules])],
  } satisfies WatchMessage);
}
