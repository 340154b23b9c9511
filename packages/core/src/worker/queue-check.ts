import type { Backend } from "../backend.ts";
import { InvalidTask } from "../errors.ts";
import { assertQueueName } from "../task-options.ts";

/**
 * Checks the name of a queue that somebody wants paused or resumed.
 *
 * @throws InvalidTask when it is no name of a queue, or of none that the backend takes.
 */
export function assertQueueOf({ queueNames }: Backend, queueName: string): void {
  assertQueueName(queueName);
  if (queueNames.length === 0 || queueNames.includes(queueName)) return;
  throw new InvalidTask(
    `The backend has no queue '${queueName}'. It takes: ${queueNames.join(", ")}.`,
  );
}
