export { checkBackend } from "./check-backend.ts";
export type { CheckBackendOptions } from "./check-backend.ts";
export type {
  BackendDefinition,
  BaselineEntry,
  CreateBackendOptions,
  RandomOptions,
} from "./definition.ts";
export type { Failure } from "./failure.ts";
export { renderMatrix } from "./matrix.ts";
export { countOutcomes, summarize, writeReport } from "./report.ts";
export type { ConformanceReport, Outcome, OutcomeStatus } from "./report.ts";
export type { Need, Requirement, Surrounding } from "./requirement.ts";
export { requirements } from "./requirements/index.ts";
export type { TestContext, TestRunner } from "./runner.ts";
export { testBackend } from "./test-backend.ts";
export { renderUpstream, upstreamCases } from "./upstream.ts";
export type { UpstreamCase } from "./upstream.ts";
