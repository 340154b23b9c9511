import { registeredTasks } from "@tasks/core";

/** What a worker serves. */
interface Served {
  /** Alias of its backend. */
  readonly backend: string;
  readonly queueName: readonly string[];
  readonly excludeQueues?: readonly string[] | undefined;
}

/**
 * Describes the registered tasks that a worker does not serve, because they are enqueued on other queues of its backend; `undefined` when it serves all.
 * Other workers may serve them, so this is a remark and no warning.
 */
export function describeUnservedTasks(served: Served): string | undefined {
  const { backend, queueName, excludeQueues = [] } = served;
  const isServed = (queue: string): boolean =>
    (queueName.includes("*") || queueName.includes(queue)) && !excludeQueues.includes(queue);
  const unserved = [...registeredTasks().values()].filter(
    (task) => task.backend === backend && !isServed(task.queueName),
  );
  if (unserved.length === 0) return undefined;
  const queues = [...new Set(unserved.map((task) => task.queueName))];
  const names = unserved.map((task) => `${task.name} (${task.queueName})`);
  return (
    `This worker does not serve ${names.slice(0, MAX_NAMES).join(", ")}${names.length > MAX_NAMES ? ", …" : ""}. ` +
    `Another one must, such as: tasks worker --queue-name ${queues.join(",")}`
  );
}

/** Max tasks that are named. */
const MAX_NAMES = 10;
