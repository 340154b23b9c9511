import { readdirSync, watch, type FSWatcher } from "node:fs";
import { basename, dirname, extname, join } from "node:path";

/** Tells of changes until it is closed. */
export interface FileWatcher {
  /** Watches these files too. */
  add(files: readonly string[]): void;
  close(): void;
}

/** Editors write a file in several steps. */
const SETTLE_MS = 100;

/**
 * Calls back, once per burst, when one of the files changes, or when a file of the same kind appears in one of their folders.
 *
 * Folders are watched rather than files, because many editors replace a file instead of writing into it.
 */
export function watchFiles(
  files: readonly string[],
  onChange: (file: string) => void,
): FileWatcher {
  const watched = new Set<string>();
  const folders = new Map<string, { readonly watcher: FSWatcher; readonly known: Set<string> }>();
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;

  const changed = (file: string): void => {
    clearTimeout(timer);
    timer = setTimeout(() => onChange(file), SETTLE_MS);
  };
  const watchFolder = (folder: string): void => {
    if (isClosed || folders.has(folder)) return;
    const known = new Set(readdirSync(folder));
    const watcher = watch(folder, (_event, name) => {
      if (name === null) return;
      const file = join(folder, name);
      const isNew = !known.has(name) && isModule(name);
      if (watched.has(file) || isNew) changed(file);
      known.add(name);
    });
    // A folder that vanishes is no reason to end; its files come back with a new folder and the next restart.
    watcher.on("error", () => {});
    folders.set(folder, { watcher, known });
  };
  const add = (more: readonly string[]): void => {
    for (const file of more) {
      watched.add(file);
      watchFolder(dirname(file));
    }
  };

  add(files);
  return {
    add,
    close: () => {
      isClosed = true;
      clearTimeout(timer);
      for (const { watcher } of folders.values()) watcher.close();
      folders.clear();
    },
  };
}

function isModule(name: string): boolean {
  return /^\.[cm]?[jt]sx?$/.test(extname(basename(name)));
}
