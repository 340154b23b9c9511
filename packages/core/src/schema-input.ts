import { InvalidTask } from "./errors.ts";
import type { AnyTask } from "./registry.ts";
import type { StandardSchemaIssue } from "./standard-schema.ts";

/**
 * Checks the arguments of a task with a schema before they are stored.
 *
 * @throws InvalidTask for another number of arguments than one, or as `parseInput`.
 */
export async function checkInput(task: AnyTask, args: readonly unknown[]): Promise<void> {
  if (args.length !== 1) {
    throw new InvalidTask(
      `Task '${task.name}' takes one argument, which its input schema describes, not ${args.length}.`,
    );
  }
  await parseInput(task, args[0]);
}

/**
 * Checks a value with the task's schema and gives its output.
 *
 * @throws InvalidTask naming every issue with its path; the issues are its `cause`.
 */
export async function parseInput(task: AnyTask, value: unknown): Promise<unknown> {
  const schema = task.settings.input;
  if (schema === null) return value;
  const result = await schema["~standard"].validate(value);
  if (result.issues === undefined) return result.value;
  const problems = result.issues.map(describeIssue).join("; ");
  throw new InvalidTask(`Task '${task.name}' does not accept this input: ${problems}`, {
    cause: result.issues,
  });
}

function describeIssue(issue: StandardSchemaIssue): string {
  const path = (issue.path ?? []).map((part) => String(typeof part === "object" ? part.key : part));
  return path.length === 0 ? issue.message : `${path.join(".")}: ${issue.message}`;
}
