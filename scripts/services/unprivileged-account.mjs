import { execFileSync } from "node:child_process";
import { chmodSync, chownSync } from "node:fs";
import { dirname } from "node:path";

/**
 * Spawn options that drop root's rights.
 *
 * @typedef {{ uid?: number, gid?: number }} Account
 */

export function isRoot() {
  return process.getuid?.() === 0;
}

/**
 * The first of the named users that exists, as options for `spawn`. Nothing to drop for an ordinary user.
 *
 * @param {readonly string[]} names
 * @returns {Account}
 */
export function unprivilegedAccount(names) {
  if (!isRoot()) return {};
  for (const name of names) {
    const uid = numericId("-u", name);
    const gid = numericId("-g", name);
    if (uid !== undefined && gid !== undefined) return { uid, gid };
  }
  throw new Error(`None of the users ${names.join(", ")} exists to run the server as.`);
}

/**
 * Lets the account own the folder and pass through the one above it.
 *
 * @param {string} folder
 * @param {Account} account
 */
export function giveFolder(folder, account) {
  if (account.uid === undefined || account.gid === undefined) return;
  chownSync(folder, account.uid, account.gid);
  chmodSync(dirname(folder), 0o711);
}

/**
 * @param {"-u" | "-g"} flag
 * @param {string} name
 */
function numericId(flag, name) {
  try {
    return Number(execFileSync("id", [flag, name], { stdio: ["ignore", "pipe", "ignore"] }));
  } catch {
    return undefined;
  }
}
