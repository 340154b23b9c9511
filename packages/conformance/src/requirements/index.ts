import type { Requirement } from "../requirement.ts";
import { argumentsRequirements } from "./arguments.ts";
import { batchRequirements } from "./batch.ts";
import { cancelRequirements } from "./cancel.ts";
import { claimRequirements } from "./claim.ts";
import { concurrencyRequirements } from "./concurrency.ts";
import { contextRequirements } from "./context.ts";
import { deferRequirements } from "./defer.ts";
import { deleteRequirements } from "./delete.ts";
import { enqueueRequirements } from "./enqueue.ts";
import { failureRequirements } from "./failure.ts";
import { hostileRequirements } from "./hostile.ts";
import { idRequirements } from "./id.ts";
import { isolationRequirements } from "./isolation.ts";
import { lifeRequirements } from "./life.ts";
import { listRequirements } from "./list.ts";
import { logsRequirements } from "./logs.ts";
import { metadataRequirements } from "./metadata.ts";
import { monitorRequirements } from "./monitor.ts";
import { orderRequirements } from "./order.ts";
import { outcomeRequirements } from "./outcome.ts";
import { pauseRequirements } from "./pause.ts";
import { progressRequirements } from "./progress.ts";
import { pruneRequirements } from "./prune.ts";
import { randomRequirements } from "./random.ts";
import { recoveryRequirements } from "./recovery.ts";
import { resultRequirements } from "./result.ts";
import { retryRequirements } from "./retry.ts";
import { runTaskRequirements } from "./run-task.ts";
import { shutdownRequirements } from "./shutdown.ts";
import { signalsRequirements } from "./signals.ts";
import { supportsRequirements } from "./supports.ts";
import { taskRequirements } from "./task.ts";
import { timeoutRequirements } from "./timeout.ts";
import { transactionRequirements } from "./transaction.ts";
import { undeclaredRequirements } from "./undeclared.ts";
import { uniqueRequirements } from "./unique.ts";
import { unknownTaskRequirements } from "./unknown-task.ts";
import { waitRequirements } from "./wait.ts";
import { wakeRequirements } from "./wake.ts";
import { workerOptionsRequirements } from "./worker-options.ts";
import { workerQueuesRequirements } from "./worker-queues.ts";
import { workerRequirements } from "./worker.ts";

/** Every requirement of the contract, in the order in which they are best read. The file of its topic owns it. */
export const requirements: readonly Requirement[] = Object.freeze([
  ...supportsRequirements,
  ...undeclaredRequirements,
  ...taskRequirements,
  ...enqueueRequirements,
  ...argumentsRequirements,
  ...batchRequirements,
  ...idRequirements,
  ...resultRequirements,
  ...outcomeRequirements,
  ...failureRequirements,
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
  ...workerOptionsRequirements,
  ...workerRequirements,
  ...workerQueuesRequirements,
  ...shutdownRequirements,
  ...runTaskRequirements,
  ...unknownTaskRequirements,
  ...wakeRequirements,
  ...claimRequirements,
  ...recoveryRequirements,
  ...listRequirements,
  ...monitorRequirements,
  ...deleteRequirements,
  ...pauseRequirements,
  ...pruneRequirements,
  ...randomRequirements,
  ...transactionRequirements,
  ...isolationRequirements,
  ...hostileRequirements,
  ...lifeRequirements,
]);
