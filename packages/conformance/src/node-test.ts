import { after, describe, it } from "node:test";

import type { BackendDefinition } from "./definition.ts";
import { testBackend as register } from "./test-backend.ts";

/** Registers the suite with `node:test`. */
export function testBackend(definition: BackendDefinition): void {
  register(
    {
      describe: (name, define) => describe(name, define),
      it: (name, test, timeoutMs) =>
        it(name, timeoutMs === undefined ? {} : { timeout: timeoutMs }, (context) =>
          test({ skip: (reason) => context.skip(reason) }),
        ),
      after,
    },
    definition,
  );
}
