/** The application's modules, with a data folder of this test file's own. They read its name when they are loaded, so tests import them from here only. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { taskLog } from "@tasks/core";
import { afterAll } from "vitest";

// Tasks fail on purpose here.
taskLog.connect(() => {});

const data = mkdtempSync(join(tmpdir(), "tasks-example-data-"));
process.env["SEARCH_DATA"] = data;

const { default: config } = await import("../../tasks.config.ts");
export const { backend } = await import("../../src/backend.ts");
export const { enqueueDocuments } = await import("../../src/enqueue-documents.ts");
export const { databaseFile } = await import("../../src/places.ts");
export const { SearchIndex } = await import("../../src/search/search-index.ts");
export const { readStatistics } = await import("../../src/search/statistics.ts");
export const { startTasksCommand } = await import("../../src/tasks-command.ts");
export const { indexDocument } = await import("../../src/tasks/index-document.ts");
export const { refreshFolder } = await import("../../src/tasks/refresh-folder.ts");

afterAll(async () => {
  await config.close();
  rmSync(data, { recursive: true, force: true });
});
