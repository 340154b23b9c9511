import type { CheckMessage } from "./backend.ts";
import { taskBackends } from "./configuration.ts";
import { findProblem } from "./enqueue.ts";
import { InvalidOption, InvalidTaskBackend, NotSupported } from "./errors.ts";
import { isError } from "./internal/is-error.ts";
import { describeMajors, otherMajors } from "./process-state.ts";
import { redact } from "./redact.ts";
import { registeredTasks } from "./registry.ts";

/**
 * Asks every configured backend for its findings, and holds every registered task against its backend. Never rejects: a backend that cannot be
 * created or checked is a finding. An empty array is good news.
 */
export async function checkTasks(): Promise<readonly CheckMessage[]> {
  const backends = await Promise.all(taskBackends.aliases().map(checkBackend));
  return [...checkMajors(), ...backends.flat(), ...checkRegisteredTasks()];
}

function checkMajors(): CheckMessage[] {
  const others = otherMajors();
  if (others.length === 0) return [];
  const hint = "Install one version: `npm ls @tasks/core` shows which packages bring the others.";
  return [{ level: "warning", id: "tasks.W001", text: describeMajors(others), hint }];
}

async function checkBackend(alias: string): Promise<readonly CheckMessage[]> {
  try {
    return await taskBackends.get(alias).check();
  } catch (error) {
    // Wrong options, or a driver that is not installed: the text says what to do.
    const isExplained =
      InvalidTaskBackend.is(error) || InvalidOption.is(error) || NotSupported.is(error);
    return [
      {
        level: "error",
        id: "tasks.E001",
        text: `Backend '${alias}' could not be checked: ${messageOf(error)}`,
        hint: isExplained ? null : "Is its store running and its address right?",
      },
    ];
  }
}

function checkRegisteredTasks(): CheckMessage[] {
  const messages: CheckMessage[] = [];
  const aliases = taskBackends.aliases();
  for (const task of registeredTasks().values()) {
    try {
      const problem = findProblem(task, task.getBackend());
      if (problem === undefined) continue;
      messages.push({
        level: "error",
        id: "tasks.E002",
        text: `Task '${task.name}' cannot be enqueued on backend '${task.backend}': ${problem}`,
        hint: "Change the task's options, or give it a backend that can.",
      });
    } catch (error) {
      // A backend that cannot be made was told of already.
      if (aliases.includes(task.backend)) continue;
      messages.push({
        level: "error",
        id: "tasks.E003",
        text: `Task '${task.name}' names backend '${task.backend}': ${messageOf(error)}`,
        hint: `Add the alias to the backends in configureTasks(). It has: ${aliases.join(", ") || "none"}.`,
      });
    }
  }
  return messages;
}

function messageOf(error: unknown): string {
  return redact(isError(error) ? error.message : String(error));
}
