import { runToEnd } from "../run-to-end.mjs";
import type { PublishedPackage } from "./published-packages.ts";

/** What a tarball may hold; anything else got there by accident. */
const ALLOWED = [
  /^package\.json$/,
  /^(README|LICENSE|CHANGELOG)(\.md)?$/,
  /^src\/.+\.ts$/,
  /^dist\/.+(\.js|\.d\.ts)(\.map)?$/,
];
const REQUIRED = ["package.json", "README.md", "LICENSE"];

/** Packs a package as it would be published and looks at what the tarball holds. */
export async function packPackage({ folder }: PublishedPackage, tarball: string): Promise<string> {
  await runToEnd("pnpm", ["pack", "--out", tarball], { cwd: folder });
  const listing = await runToEnd("tar", ["-tzf", tarball]);
  const files = listing
    .trim()
    .split("\n")
    .map((path) => path.replace(/^package\//, ""));
  const missing = REQUIRED.filter((file) => !files.includes(file));
  if (missing.length > 0) throw new Error(`The tarball lacks ${missing.join(", ")}.`);
  const surplus = files.filter((file) => !ALLOWED.some((pattern) => pattern.test(file)));
  if (surplus.length > 0) throw new Error(`The tarball also holds ${surplus.join(", ")}.`);
  return `${files.length} files`;
}
