import { accessSync, constants, readdirSync, statSync } from "node:fs";
import { delimiter, join } from "node:path";

/** Servers often live where an ordinary user's PATH does not look. */
const SYSTEM_FOLDERS = ["/usr/sbin", "/usr/local/sbin", "/usr/libexec", "/opt/homebrew/bin"];

/**
 * Where a program is: on PATH, in a system folder, or in one of `folders`; undefined when it is nowhere.
 *
 * @param {string} name
 * @param {readonly string[]} [folders]
 */
export function findExecutable(name, folders = []) {
  return [...(process.env.PATH ?? "").split(delimiter), ...SYSTEM_FOLDERS, ...folders]
    .filter((folder) => folder !== "")
    .map((folder) => join(folder, name))
    .find(isExecutable);
}

/**
 * @param {string} name
 * @param {readonly string[]} [folders]
 */
export function requireExecutable(name, folders) {
  const path = findExecutable(name, folders);
  if (path === undefined) throw new Error(`${name} is not installed.`);
  return path;
}

/**
 * The `bin` folders of versioned installations such as `<parent>/15/bin`, newest first.
 *
 * @param {string} parent
 * @param {RegExp} [child]
 */
export function versionedBinFolders(parent, child = /./) {
  /** @type {string[]} */
  let names = [];
  try {
    names = readdirSync(parent);
  } catch {
    // Nothing is installed there.
  }
  return names
    .filter((name) => child.test(name))
    .sort((left, right) => right.localeCompare(left, "en", { numeric: true }))
    .map((name) => join(parent, name, "bin"));
}

/** @param {string} path */
function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
