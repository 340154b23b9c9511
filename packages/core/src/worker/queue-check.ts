import type { Backend } from "../backend.ts";
import { InvalidOption } from "../errors.ts";
import { assertQueueName } from "../task-options.ts";

/**
 * Checks the name of a queue that somebody wants paused or resumed.
 *
 * @throws InvalidOption when it is no name of a queue, or of none that the backend takes.
 */
export function assertQueueOf({ queueNames }: Backend, queueName: string): void {
  assertQueueName(queueName, InvalidOption);
  if (queueNames.length === 0 || queueNames.includes(queueName)) return;
  throw new InvalidOption(
    `The backend has no queue '${queueName}'. It takes: ${queueNames.join(", ")}.`,
  );
}
