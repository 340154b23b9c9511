/** Where a task is defined. */
export interface DefinitionSite {
  /** The module, without the query that development servers add; `undefined` when the stack does not show it. */
  readonly file: string | undefined;
  /** The bundle that the module is in, where a source map told the module. */
  readonly bundle: string | undefined;
}

/**
 * The place that calls a function.
 *
 * @param callee the function that was called.
 */
export function definitionSite(callee: (...args: never[]) => unknown): DefinitionSite {
  const holder: { readonly stack?: unknown } = {};
  Error.captureStackTrace(holder, callee);
  const stack = typeof holder.stack === "string" ? holder.stack : "";
  // "    at eval (webpack-internal:///(rsc)/./app/tasks.ts:10:5)", "    at file:///app/tasks.ts?t=7:10:5"
  const [, place, line, column] =
    /\n +at (?:async )?(?:.*? \()?(.+?):(\d+):(\d+)\)?(?:\n|$)/.exec(stack) ?? [];
  if (place === undefined) return { file: undefined, bundle: undefined };
  const file = toFile(place);
  const module = moduleAt(place, Number(line), Number(column));
  return module === undefined || module === file
    ? { file, bundle: undefined }
    : { file: module, bundle: file };
}

/** Turbopack made the file: beside its bundles is the script that evaluates their modules, each once for every bundle that has it. */
export function isOfTurbopack(file: string | undefined): boolean {
  const folder = file?.replace(/[^/\\]*$/, "");
  return (
    folder !== undefined &&
    process.getBuiltinModule("node:fs").existsSync(`${folder}[turbopack]_runtime.js`)
  );
}

/** The module that a place in a bundle was made of, if the process reads source maps. They know the place as the stack shows it. */
function moduleAt(place: string, line: number, column: number): string | undefined {
  const map = process.getBuiltinModule("node:module").findSourceMap(place);
  const entry = map?.findEntry(line - 1, column - 1);
  if (entry === undefined || !("originalSource" in entry)) return undefined;
  const module = toFile(entry.originalSource);
  // A bundler that merges modules may show a call as part of what is called.
  return module.includes("@tasks/core/") ? undefined : module;
}

function toFile(place: string): string {
  const path = place.replace(/[?#].*$/, "");
  return path.startsWith("file://")
    ? decodeURIComponent(path.slice("file://".length))
    : path.replace(/^(webpack-internal:\/\/\/)\([\w-]+\)\//, "$1");
}
