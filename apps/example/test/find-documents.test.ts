import { symlink } from "node:fs/promises";
import { join } from "node:path";

import { expect, test } from "vitest";

import { findDocuments, toFolder } from "../src/documents/find-documents.ts";
import { folderOf } from "./support/temporary-folder.ts";

test("every file named *.md is found once, however many links lead to it", async () => {
  const folder = await folderOf({
    "a.md": "A",
    "deep/er/b.md": "BB",
    ".hidden/c.md": "",
    "d.txt": "",
    "E.MD": "",
    "folder.md/f.md": "",
  });
  await symlink(join(folder, "a.md"), join(folder, "link.md"));
  await symlink(join(folder, "deep"), join(folder, "linked"));
  await symlink(folder, join(folder, "deep/loop"));

  const found = await findDocuments(folder);

  const names = [".hidden/c.md", "a.md", "deep/er/b.md", "folder.md/f.md"];
  expect(found.map(({ path }) => path)).toEqual(names.map((name) => join(folder, name)));
  expect(found.map(({ size }) => size)).toEqual([0, 1, 2, 0]);
});

test("a folder is known by one path, whichever link led to it", async () => {
  const folder = await folderOf({ "real/a.md": "" });
  await symlink(join(folder, "real"), join(folder, "link"));
  expect(await toFolder(join(folder, "link"))).toBe(join(folder, "real"));
});

test("what is no folder is refused in words", async () => {
  const folder = await folderOf({ "a.md": "" });
  await expect(toFolder(join(folder, "b"))).rejects.toThrow(/There is no folder .*\/b\./);
  await expect(toFolder(join(folder, "a.md"))).rejects.toThrow(/a\.md is a file/);
});
