import type { Mutant } from "../mutant.ts";
import { backendMutants } from "./backend.ts";
import { claimMutants } from "./claims.ts";
import { completionMutants } from "./completions.ts";
import { memoryMutants } from "./memory.ts";
import { monitorMutants } from "./monitor.ts";
import { orderMutants } from "./order.ts";
import { postgresMutants } from "./postgres.ts";
import { recordMutants } from "./records.ts";
import { redisMutants } from "./redis.ts";
import { sqlMutants } from "./sql.ts";
import { sqliteMutants } from "./sqlite.ts";

/** Every mutant. */
export const mutants: readonly Mutant[] = [
  ...completionMutants,
  ...claimMutants,
  ...backendMutants,
  ...orderMutants,
  ...monitorMutants,
  ...recordMutants,
  ...memoryMutants,
  ...sqlMutants,
  ...sqliteMutants,
  ...postgresMutants,
  ...redisMutants,
];
