/**
 * The one idea everything here is built on: a folder of files `1.json`, `2.json`, … whose highest number is the present.
 *
 * A number is taken by creating its file, which succeeds once: of all processes that saw number n only one becomes number n + 1. A file is complete when
 * it appears, never changes and is never removed on its own, so no number is used twice, and whoever slept for an hour in between still loses.
 */
import { link, mkdir, open, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

import { createId } from "@tasks/core";

import { guard, isCode, listFolder } from "./file-system.ts";

/** The highest number in a folder; 0 when there is none, or no such folder. */
export async function latestNumber(folder: string): Promise<number> {
  const numbers = (await listFolder(folder)).map((name) =>
    /^[1-9]\d{0,14}\.json$/.test(name) ? Number.parseInt(name, 10) : 0,
  );
  return Math.max(0, ...numbers);
}

/** Takes a number. `false` when somebody else has it, or the folder is gone. */
export async function takeNumber(folder: string, number: number, text: string): Promise<boolean> {
  // Written first and named afterwards: nobody reads half a file.
  const draft = join(folder, `.${createId()}`);
  return guard(folder, async () => {
    try {
      await writeFile(draft, text, { flush: true });
      await link(draft, numberedPath(folder, number));
    } catch (error) {
      if (isCode(error, "EEXIST", "ENOENT")) return false;
      throw error;
    } finally {
      await rm(draft, { force: true });
    }
    await syncFolder(folder);
    return true;
  });
}

/** Makes a folder whose number 1 is taken. */
export async function createNumbered(folder: string, text: string): Promise<void> {
  await guard(folder, async () => {
    await mkdir(folder, { recursive: true });
    await writeFile(numberedPath(folder, 1), text, { flush: true });
    await syncFolder(folder);
  });
}

/** Moves a folder in one step. `false` if the folder is missing or the target exists. */
export async function moveFolder(from: string, to: string): Promise<boolean> {
  return guard(from, async () => {
    try {
      await mkdir(dirname(to), { recursive: true });
      await rename(from, to);
    } catch (error) {
      if (isCode(error, "ENOENT", "ENOTEMPTY", "EEXIST")) return false;
      throw error;
    }
    await syncFolder(dirname(to));
    return true;
  });
}

/** Path of the file with a number. */
export function numberedPath(folder: string, number: number): string {
  return join(folder, `${number}.json`);
}

/** A name is durable only when its folder is. */
async function syncFolder(folder: string): Promise<void> {
  // Windows cannot open folders, and keeps names durable by itself.
  if (process.platform === "win32") return;
  const handle = await open(folder);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
