/** Counts and prints checks, each on a line of its own. A failed one shows what was said. */
export class Checks {
  passed = 0;
  failed = 0;

  /** Runs one check and says whether it passed. A check fails by throwing; a text it returns is added to its line. */
  async run(name: string, check: () => Promise<unknown>): Promise<boolean> {
    try {
      const remark = await check();
      console.log(`ok    ${name}${typeof remark === "string" ? ` (${remark})` : ""}`);
      this.passed += 1;
      return true;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      console.log(`FAIL  ${name}\n${reason.trim().replaceAll(/^/gm, "      ")}`);
      this.failed += 1;
      return false;
    }
  }
}
