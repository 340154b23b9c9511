import { afterAll, describe, it } from "vitest";

import type { BackendDefinition } from "./definition.ts";
import { testBackend as register } from "./test-backend.ts";

/** Registers the suite with vitest. */
export function testBackend(definition: BackendDefinition): void {
  register(
    {
      describe,
      it: (name, test, timeoutMs) => {
        // oxlint-disable-next-line vitest/expect-expect, vitest/valid-title -- titles and assertions are the requirements'
        it(name, { timeout: timeoutMs ?? 0 }, async (context) => test(context));
      },
      after: (finish) => {
        afterAll(finish);
      },
    },
    definition,
  );
}
