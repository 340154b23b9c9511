import "vitest";
import type { ServiceName } from "./service.ts";

/**
 * What `inject()` gives to tests. A package whose tests use it includes
 * this file and `service.ts` in its test/tsconfig.json.
 */
declare module "vitest" {
  export interface ProvidedContext {
    /** Which services the project's tests use; set in `vitest.config.ts`. */
    neededServices: ServiceName[];
    /** Their URLs. A test run shares one server of a kind, so tests name their own databases or keys. */
    serviceUrls: Partial<Record<ServiceName, string>>;
  }
}
