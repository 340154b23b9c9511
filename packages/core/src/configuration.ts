import { AsyncLocalStorage } from "node:async_hooks";

import type { Backend } from "./backend.ts";
import { ImmediateBackend } from "./backends/immediate-backend.ts";
import { InvalidOption, InvalidTaskBackend } from "./errors.ts";
import { isError } from "./internal/is-error.ts";
import { assertKnownOptions } from "./known-options.ts";
import { ofProcess } from "./process-state.ts";
import { redact } from "./redact.ts";
import type { AnyTask } from "./registry.ts";
import { DEFAULT_TASK_BACKEND_ALIAS } from "./task-options.ts";

/** A backend, or a function that makes it on first use. */
export type BackendSource = Backend | (() => Backend);

/** A task that is enqueued again and again. */
export interface Schedule {
  /** The task, with the settings it is to be enqueued with. */
  readonly task: AnyTask;
  /** Cron expression of five or six fields. */
  readonly cron: string;
  /** IANA name. @default "UTC" */
  readonly timezone?: string | undefined;
  /** Unique among the schedules. @default the task's name */
  readonly name?: string | undefined;
  /** Arguments of every enqueue. @default [] */
  readonly args?: readonly unknown[] | undefined;
}

/** Options of `configureTasks`. */
export interface TasksOptions {
  /**
   * Backends by alias; `default` serves tasks that name none. Factories are called once, on first use. An alias is also the backend's namespace within
   * its store, and a backend has one alias.
   */
  readonly backends: Readonly<Record<string, BackendSource>>;
  /** Modules that define tasks, as glob patterns relative to the configuration file. The command line imports them. @default [] */
  readonly tasks?: readonly string[] | undefined;
  /** For a scheduler: no backend of this project has one yet (`supports.schedule`), so that nothing enqueues by itself. @default [] */
  readonly schedules?: readonly Schedule[] | undefined;
}

/** A configuration, as `configureTasks` gives it back. */
export interface TasksConfig extends AsyncDisposable {
  readonly backends: TaskBackends;
  readonly tasks: readonly string[];
  readonly schedules: readonly Schedule[];
  /** Closes every backend that was created. Idempotent. */
  close(): Promise<void>;
}

/** Backends by alias. */
export interface TaskBackends {
  /** The backend of an alias, created on first use. @throws InvalidTaskBackend */
  get(alias: string): Backend;
  /** Every configured backend. @throws InvalidTaskBackend when one cannot be created. */
  all(): readonly Backend[];
  /** Every configured alias. */
  aliases(): readonly string[];
}

/**
 * Sets the process's backends, names each by its alias, and gives the configuration back, to be exported from `tasks.config.ts`. The last call counts.
 *
 * @throws InvalidTaskBackend for a source that is neither a backend nor a function, or a backend that has another alias or was used before; InvalidOption for two schedules of one name or an unknown option.
 */
export function configureTasks(options: TasksOptions): TasksConfig {
  assertKnownOptions("configureTasks()", options, { backends: 1, tasks: 1, schedules: 1 });
  const backends = new BackendMap(options.backends);
  const config: TasksConfig = Object.freeze({
    backends,
    tasks: Object.freeze([...(options.tasks ?? [])]),
    schedules: Object.freeze([...(options.schedules ?? [])]),
    close: () => backends.close(),
    [Symbol.asyncDispose]: () => backends.close(),
  });
  assertUniqueSchedules(config.schedules);
  configured.backends = backends;
  return config;
}

/**
 * Runs a function with other backends: inside it, and in everything it starts, exactly the given aliases exist. Parallel scopes never see each other.
 */
export async function withBackends<T>(
  backends: TasksOptions["backends"],
  fn: () => T,
): Promise<Awaited<T>> {
  return await scopedBackends.run(new BackendMap(backends), fn);
}

/** Runs functions in another async context with the backends of this one. */
export function captureBackends(): <T>(fn: () => T) => T {
  const scope = scopedBackends.getStore();
  return (fn) => (scope === undefined ? fn() : scopedBackends.run(scope, fn));
}

/** The backends of this scope. */
export const taskBackends: TaskBackends = /* @__PURE__ */ Object.freeze({
  get: (alias: string) => current().get(alias),
  all: () => current().all(),
  aliases: () => current().aliases(),
});

/** Stands for whatever backend is `default` in the scope where it is used. */
export const defaultTaskBackend: Backend = /* @__PURE__ */ new Proxy({} as Backend, {
  get: (_target, key) => {
    const backend = current().get(DEFAULT_TASK_BACKEND_ALIAS);
    const value: unknown = Reflect.get(backend, key, backend);
    return typeof value === "function" ? value.bind(backend) : value;
  },
  has: (_target, key) => Reflect.has(current().get(DEFAULT_TASK_BACKEND_ALIAS), key),
  getPrototypeOf: () => Object.getPrototypeOf(current().get(DEFAULT_TASK_BACKEND_ALIAS)) as object,
});

/** The backend of an alias in this scope. @throws InvalidTaskBackend */
export function configuredBackend(alias: string): Backend {
  return current().get(alias);
}

class BackendMap implements TaskBackends {
  readonly #sources: ReadonlyMap<string, BackendSource>;
  readonly #created = new Map<string, Backend>();

  constructor(sources: TasksOptions["backends"]) {
    if (typeof sources !== "object" || sources === null) {
      throw new InvalidTaskBackend("backends must be an object of backends by alias.");
    }
    for (const [alias, source] of Object.entries(sources)) {
      if (typeof source === "function") continue;
      if (isBackend(source)) {
        setAlias(source, alias);
        continue;
      }
      throw new InvalidTaskBackend(
        `The backend '${alias}' must be a backend or a function that makes one, not ${typeof source}.`,
      );
    }
    this.#sources = new Map(Object.entries(sources));
  }

  get(alias: string): Backend {
    let backend = this.#created.get(alias);
    if (backend === undefined) {
      backend = this.#create(alias);
      this.#created.set(alias, backend);
    }
    return backend;
  }

  all(): readonly Backend[] {
    return this.aliases().map((alias) => this.get(alias));
  }

  aliases(): readonly string[] {
    return [...this.#sources.keys()];
  }

  async close(): Promise<void> {
    await Promise.all([...this.#created.values()].map((backend) => backend.close()));
  }

  #create(alias: string): Backend {
    const source = this.#sources.get(alias);
    if (source === undefined) {
      throw new InvalidTaskBackend(`The connection '${alias}' doesn't exist.`);
    }
    const backend = isBackend(source) ? source : callFactory(alias, source);
    if (!isBackend(backend)) {
      throw new InvalidTaskBackend(
        `Could not find backend '${alias}': its function did not return a backend with supports and enqueue().`,
      );
    }
    setAlias(backend, alias);
    return backend;
  }
}

/** Sets a backend's alias for life: reading the alias fixes it. */
function setAlias(backend: Backend, alias: string): void {
  backend.alias = alias;
  void backend.alias;
}

/** By shape, so that backends built on a second copy of this package work too. */
function isBackend(value: unknown): value is Backend {
  return (
    typeof value === "object" &&
    value !== null &&
    typeof (value as Backend).enqueue === "function" &&
    typeof (value as Backend).supports === "object"
  );
}

function callFactory(alias: string, factory: () => Backend): Backend {
  try {
    return factory();
  } catch (cause) {
    const reason = isError(cause) ? cause.message : String(cause);
    throw new InvalidTaskBackend(`Could not find backend '${alias}': ${redact(reason)}`, { cause });
  }
}

function assertUniqueSchedules(schedules: readonly Schedule[]): void {
  const names = new Set<string>();
  for (const { name, task } of schedules) {
    const scheduleName = name ?? task.name;
    if (names.has(scheduleName)) {
      throw new InvalidOption(
        `Two schedules are named '${scheduleName}'. Give one of them another name.`,
      );
    }
    names.add(scheduleName);
  }
}

const scopedBackends = /* @__PURE__ */ ofProcess(
  "scoped backends",
  () => new AsyncLocalStorage<BackendMap>(),
);
const configured = /* @__PURE__ */ ofProcess<{ backends?: BackendMap }>(
  "configuration",
  () => ({}),
);

function current(): BackendMap {
  const scoped = scopedBackends.getStore();
  if (scoped !== undefined) return scoped;
  configured.backends ??= new BackendMap({
    [DEFAULT_TASK_BACKEND_ALIAS]: () => new ImmediateBackend(),
  });
  return configured.backends;
}
