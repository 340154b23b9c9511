import { AsyncLocalStorage } from "node:async_hooks";

import { registeredTasks, task, type Task, type TaskOptions } from "@tasks/core";

/** A task of the suite; its types are checked by core's own tests. */
// oxlint-disable-next-line typescript/no-explicit-any -- arguments and results of every shape pass through here
export type AnyTask = Task<any[], any>;
/** A function of the suite. */
// oxlint-disable-next-line typescript/no-explicit-any -- as above
export type AnyFunction = (...args: any[]) => unknown;

const entered = new AsyncLocalStorage<TaskFunctions>();
/** For workers whose loop does not carry the scope along. */
const latest = new Map<string, AnyFunction>();

/**
 * The functions of one test behind names that every run shares, so that a process which tests many backends does not register each task for each
 * of them.
 */
export class TaskFunctions {
  readonly #functions = new Map<string, AnyFunction>();

  /** Defines a task. The function given to core is never an async one, so that it fits every backend. */
  define(name: string, options: TaskOptions, fn: AnyFunction): AnyTask {
    this.#functions.set(name, fn);
    latest.set(name, fn);
    const shared = registeredTasks().get(name)?.fn ?? dispatcher(name);
    return task({ ...(options as object), name }, shared as () => null) as AnyTask;
  }

  /** Runs a test; tasks that run in what it starts call this test's functions. */
  enter<T>(test: () => Promise<T>): Promise<T> {
    return entered.run(this, test);
  }

  /** The function behind a name. */
  get(name: string): AnyFunction | undefined {
    return this.#functions.get(name);
  }
}

function dispatcher(name: string): AnyFunction {
  return (...args: unknown[]) => (entered.getStore()?.get(name) ?? latest.get(name))?.(...args);
}
