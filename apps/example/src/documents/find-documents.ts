import { readdir, realpath, stat } from "node:fs/promises";
import { join } from "node:path";

import { FriendlyError } from "../friendly-error.ts";

/** A file as it was found. Another size or time means other contents. */
export interface FoundFile {
  /** Absolute, without symbolic links. */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  readonly modifiedMs: number;
}

/** The folder a user named, without symbolic links, so that it is known by one path. @throws FriendlyError when it is no folder. */
export async function toFolder(path: string): Promise<string> {
  const folder = await realpath(path).catch(() => undefined);
  if (folder === undefined) {
    throw new FriendlyError(`There is no folder ${path}. Name one that holds Markdown files.`);
  }
  if ((await stat(folder)).isDirectory()) return folder;
  throw new FriendlyError(`${path} is a file. Name the folder it is in.`);
}

/**
 * Every Markdown file under a folder: what `find <folder> -name '*.md' -type f` prints. Symbolic links are not followed, so a package that is linked
 * from many places counts once.
 */
export async function findDocuments(folder: string): Promise<readonly FoundFile[]> {
  const paths = await findPaths(folder);
  return Promise.all(
    paths.sort().map(async (path) => {
      const { size, mtimeMs } = await stat(path);
      return { path, size, modifiedMs: mtimeMs };
    }),
  );
}

/** Folder by folder, because the recursive `readdir` follows links to folders. */
async function findPaths(folder: string): Promise<string[]> {
  const paths: string[] = [];
  const subfolders: string[] = [];
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) subfolders.push(path);
    else if (entry.isFile() && entry.name.endsWith(".md")) paths.push(path);
  }
  const deeper = await Promise.all(subfolders.map(findPaths));
  return [...paths, ...deeper.flat()];
}
