import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll } from "vitest";

/** A fresh folder for one test file, removed after it. */
export function createFolder(): { readonly path: (name: string) => string } {
  const folder = mkdtempSync(join(tmpdir(), "tasks-rq-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }));
  return { path: (name) => join(folder, name) };
}
