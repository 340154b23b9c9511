import { renderUpstream, requirements, upstreamCases } from "@tasks/conformance";
import { describe, expect, it } from "vitest";

describe("the cases of Django's suites", () => {
  it("are each covered by a requirement or left out for a reason, never both", () => {
    for (const { number, requirements: covering, reason } of upstreamCases) {
      expect(covering.length > 0, `case ${number}`).toBe(reason === null);
    }
  });

  it("are the only ones that requirements name", () => {
    const known = new Set(upstreamCases.map(({ number }) => number));
    const named = requirements.flatMap(({ upstream = [] }) => upstream);
    expect(named.filter((number) => !known.has(number))).toEqual([]);
  });

  it("are listed in upstream.md as they are (run vitest -u to write it anew)", async () => {
    await expect(renderUpstream()).toMatchFileSnapshot("../upstream.md");
  });
});
