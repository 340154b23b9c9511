/** Major version of this package. Copies of one major share their state. */
const MAJOR = 0;

/** State by name, of each major version that is loaded. */
type States = Record<number, Record<string, unknown>>;

/**
 * State that belongs to the process and not to one copy of this package: bundlers and nested installations load several copies, and a task that is
 * defined with one must reach the backend that is configured with another.
 *
 * @param create makes the state when no copy has made it.
 */
export function ofProcess<T>(name: string, create: () => T): T {
  const states = loadedStates();
  states[MAJOR] ??= register(states);
  return (states[MAJOR][name] ??= create()) as T;
}

/** Major versions of this package that are loaded besides this one. Each has its own tasks, backends and signals. */
export function otherMajors(): readonly number[] {
  return Object.keys(loadedStates())
    .map(Number)
    .filter((major) => major !== MAJOR);
}

/** The sentence about several major versions. */
export function describeMajors(others: readonly number[]): string {
  return `Several major versions of @tasks/core are loaded: ${[MAJOR, ...others].join(", ")}. Each has its own tasks, backends and signals.`;
}

function register(states: States): Record<string, unknown> {
  const others = Object.keys(states).map(Number);
  if (others.length > 0) {
    process.emitWarning(describeMajors(others), { type: "TasksWarning", code: "TASKS_TWO_MAJORS" });
  }
  return {};
}

function loadedStates(): States {
  const holder = globalThis as { [KEY]?: States };
  // A plain property would show in the globals of the application.
  if (holder[KEY] === undefined) Object.defineProperty(holder, KEY, { value: {} });
  return holder[KEY]!;
}

const KEY = Symbol.for("@tasks/core");
