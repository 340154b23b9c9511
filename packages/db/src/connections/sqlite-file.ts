import { fstatSync, readdirSync, readFileSync, statSync } from "node:fs";

import { BackendUnavailable, InvalidTaskBackend } from "@tasks/core";
import { monotonicNow } from "@tasks/core/worker";

/** How often a file is looked at, in milliseconds. */
const LOOK_MS = 1000;
/** Builds of SQLite other than the one in Node, by where their addons are. */
const OTHER_LIBRARIES = /\/(?:better[-_]sqlite3|(?:node[-_])?sqlite3|@?libsql)[^\n]*\.node$/im;

/** A connection to a file. */
interface User {
  /** The build of SQLite. */
  readonly library: string;
  /** A user may have closed it. */
  readonly isOpen: () => boolean;
}

/** Who uses which file in this process, shared with other copies of this package. */
const users = ((globalThis as Record<symbol, unknown>)[Symbol.for("tasks.db.sqlite-files")] ??=
  new Map()) as Map<string, Set<User>>;

/** A connection's part in the file it is on. */
export class SqliteFile {
  readonly #path: string;
  readonly #id: string;
  readonly #user: User;
  #lookedAtMs = monotonicNow();

  /**
   * @param path absolute.
   * @throws InvalidTaskBackend when another build of SQLite has it open in this process.
   */
  constructor(path: string, user: User) {
    this.#path = path;
    this.#user = user;
    this.#id = idOf(path) ?? path;
    const open = usersOf(this.#id);
    const isShared = [...open].some(({ library }) => library !== user.library);
    if (isShared || librariesOn(path) > 1) throw twoLibraries(path);
    users.set(this.#id, open.add(user));
  }

  /** @throws BackendUnavailable when the file was deleted or replaced: what is written now would be lost with it. */
  readonly assertInPlace = (): void => {
    const now = monotonicNow();
    if (now - this.#lookedAtMs < LOOK_MS) return;
    if (idOf(this.#path) !== this.#id) {
      throw new BackendUnavailable(
        `The SQLite file ${this.#path} was deleted or replaced while it was open. Start this process again to use what is there now.`,
        { isPermanent: true },
      );
    }
    // Opened by the application in the meantime.
    if (librariesOn(this.#path) > 1) throw twoLibraries(this.#path);
    this.#lookedAtMs = now;
  };

  close(): void {
    users.get(this.#id)?.delete(this.#user);
    if (usersOf(this.#id).size === 0) users.delete(this.#id);
  }
}

function usersOf(id: string): Set<User> {
  return new Set([...(users.get(id) ?? [])].filter(({ isOpen }) => isOpen()));
}

/**
 * Looks whether the application has a file open by another build of SQLite, before it is opened by the one in Node. Where the file is in WAL mode,
 * `librariesOn` tells for certain once it is open. To be seen on Linux only.
 *
 * @throws InvalidTaskBackend
 */
export function assertNotOpenElsewhere(path: string): void {
  const id = idOf(path);
  if (id === undefined || usersOf(id).size > 0 || !OTHER_LIBRARIES.test(readMaps())) return;
  if (librariesOn(path) === 0 && openFiles().includes(id)) throw twoLibraries(path);
}

/** How many builds of SQLite have a file in WAL mode open in this process: each maps the beginning of the index of the WAL once. */
function librariesOn(path: string): number {
  try {
    const { ino } = statSync(`${path}-shm`, { bigint: true });
    const mapped = new RegExp(`^\\S+ \\S+ 0+ \\S+ ${ino} .*-shm$`, "gm");
    return readMaps().match(mapped)?.length ?? 0;
  } catch {
    return 0;
  }
}

function twoLibraries(path: string): InvalidTaskBackend {
  // File locks belong to a process, not to a copy of SQLite in it.
  return new InvalidTaskBackend(
    `Two SQLite libraries have ${path} open in this process. They do not see each other's locks, and damage the file. ` +
      "Give the backend your connection: new DatabaseBackend({ database }) or ({ kysely }).",
  );
}

/** What stays the same however a path is written, and changes when the file is replaced; `undefined` when there is no file. */
function idOf(path: string): string | undefined {
  try {
    const { dev, ino } = statSync(path, { bigint: true });
    return `${dev}:${ino}`;
  } catch {
    return undefined;
  }
}

/** What this process has mapped into its memory; empty where that cannot be read. */
function readMaps(): string {
  try {
    return readFileSync("/proc/self/maps", "utf8");
  } catch {
    return "";
  }
}

/** The files this process has open. */
function openFiles(): readonly string[] {
  return readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      const { dev, ino } = fstatSync(Number(fd), { bigint: true });
      return [`${dev}:${ino}`];
    } catch {
      // The one that listed them.
      return [];
    }
  });
}
