/** What a runner hands to a test; used to mark what does not apply. */
export interface TestContext {
  readonly skip?: ((reason?: string) => unknown) | undefined;
}

/** The functions of a test runner that the suite needs. vitest, jest and mocha fit as they are. */
export interface TestRunner {
  readonly describe: (name: string, define: () => void) => unknown;
  readonly it: (
    name: string,
    test: (context?: TestContext) => Promise<void>,
    timeoutMs?: number,
  ) => unknown;
  /** Runs once after all tests of the suite; prints the summary and writes the report. */
  readonly after?: ((finish: () => Promise<void>) => unknown) | undefined;
}
