import { readdirSync, readFileSync } from "node:fs";

import { renderMatrix, requirements, type ConformanceReport } from "@tasks/conformance";
import { describe, expect, it } from "vitest";

const folder = new URL("../../../docs/conformance/", import.meta.url);
const reports = readdirSync(folder)
  .filter((file) => file.endsWith(".json"))
  .map((file) => JSON.parse(readFileSync(new URL(file, folder), "utf8")) as ConformanceReport);

describe("docs/conformance.md", () => {
  it.each(reports.map((report) => [report.name, report] as const))(
    "shows a report of %s that knows every requirement (run the script `report` to renew it)",
    (_name, { outcomes }) => {
      expect(outcomes.map(({ id }) => id)).toEqual(requirements.map(({ id }) => id));
    },
  );

  it("shows the reports as they are (run vitest -u to write it anew)", async () => {
    await expect(renderMatrix(requirements, reports)).toMatchFileSnapshot(
      "../../../docs/conformance.md",
    );
  });
});
