import type { Requirement } from "../requirement.ts";
import { batchRequirements } from "./batch.ts";
import { cancelRequirements } from "./cancel.ts";
import { claimRequirements } from "./claim.ts";
import { concurrencyRequirements } from "./concurrency.ts";
import { contextRequirements } from "./context.ts";
import { deferRequirements } from "./defer.ts";
import { enqueueRequirements } from "./enqueue.ts";
import { hostileRequirements } from "./hostile.ts";
import { isolationRequirements } from "./isolation.ts";
import { lifeRequirements } from "./life.ts";
import { logsRequirements } from "./logs.ts";
import { metadataRequirements } from "./metadata.ts";
import { monitorRequirements } from "./monitor.ts";
import { orderRequirements } from "./order.ts";
import { outcomeRequirements } from "./outcome.ts";
import { pauseRequirements } from "./pause.ts";
import { progressRequirements } from "./progress.ts";
import { pruneRequirements } from "./prune.ts";
import { recoveryRequirements } from "./recovery.ts";
import { resultRequirements } from "./result.ts";
import { retryRequirements } from "./retry.ts";
import { runTaskRequirements } from "./run-task.ts";
import { signalsRequirements } from "./signals.ts";
import { supportsRequirements } from "./supports.ts";
import { taskRequirements } from "./task.ts";
import { timeoutRequirements } from "./timeout.ts";
import { transactionRequirements } from "./transaction.ts";
import { undeclaredRequirements } from "./undeclared.ts";
import { uniqueRequirements } from "./unique.ts";
import { unknownTaskRequirements } from "./unknown-task.ts";
import { waitRequirements } from "./wait.ts";
import { workerRequirements } from "./worker.ts";

/** Every requirement of the contract, in the order in which they are best read. The file of its topic owns it. */
export const requirements: readonly Requirement[] = Object.freeze([
  ...supportsRequirements,
  ...undeclaredRequirements,
  ...taskRequirements,
  ...enqueueRequirements,
  ...batchRequirements,
  ...resultRequirements,
  ...outcomeRequirements,
  ...contextRequirements,
  ...metadataRequirements,
  ...progressRequirements,
  ...logsRequirements,
  ...signalsRequirements,
  ...orderRequirements,
  ...deferRequirements,
  ...retryRequirements,
  ...timeoutRequirements,
  ...cancelRequirements,
  ...uniqueRequirements,
  ...concurrencyRequirements,
  ...waitRequirements,
  ...workerRequirements,
  ...runTaskRequirements,
  ...unknownTaskRequirements,
  ...claimRequirements,
  ...recoveryRequirements,
  ...monitorRequirements,
  ...pauseRequirements,
  ...pruneRequirements,
  ...transactionRequirements,
  ...isolationRequirements,
  ...hostileRequirements,
  ...lifeRequirements,
]);
