import { readdir, readFile } from "node:fs/promises";

import { BackendUnavailable } from "@tasks/core";

/** Runs file operations; what the file system has against them becomes `BackendUnavailable`, upon which a worker waits and tries again. */
export async function guard<T>(path: string, operate: () => Promise<T>): Promise<T> {
  try {
    return await operate();
  } catch (error) {
    if (!isErrno(error)) throw error;
    throw new BackendUnavailable(
      `Cannot use '${path}' (${error.code}). Check that it is a folder this process may write to, on a disk with space left.`,
      { cause: error },
    );
  }
}

/** Reads a file; `undefined` when there is none. */
export async function readText(path: string): Promise<string | undefined> {
  return guard(path, () => unlessMissing(readFile(path, "utf8"), undefined));
}

/** Names in a folder, without drafts; none when there is no such folder. */
export async function listFolder(folder: string): Promise<string[]> {
  const names = await guard(folder, () => unlessMissing(readdir(folder), []));
  return names.filter((name) => !name.startsWith("."));
}

/** Tells whether an error has one of these codes of the operating system. */
export function isCode(error: unknown, ...codes: readonly string[]): boolean {
  return isErrno(error) && codes.includes(error.code);
}

async function unlessMissing<T>(reading: Promise<T>, missing: T): Promise<T> {
  try {
    return await reading;
  } catch (error) {
    if (isCode(error, "ENOENT")) return missing;
    throw error;
  }
}

function isErrno(error: unknown): error is NodeJS.ErrnoException & { readonly code: string } {
  return error instanceof Error && "syscall" in error && "code" in error;
}
