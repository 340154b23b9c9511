import { pathToFileURL } from "node:url";

import { CliError } from "./errors.ts";

/**
 * Imports a module of the user's project, TypeScript included where this Node.js can.
 *
 * @param what what it is, to open the error's sentence.
 * @throws CliError naming the file, with the cause.
 */
export async function importModule(file: string, what: string): Promise<Record<string, unknown>> {
  try {
    return (await import(pathToFileURL(file).href)) as Record<string, unknown>;
  } catch (cause) {
    const advice = adviceFor(cause, file);
    throw new CliError(`${what} ${file} could not be loaded.${advice}`, {
      cause,
      showCauseStack: true,
    });
  }
}

function adviceFor(cause: unknown, file: string): string {
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  switch (code) {
    case "ERR_UNKNOWN_FILE_EXTENSION":
      if (!/\.[cm]?ts$/.test(file)) return "";
      return (
        ` Node.js ${process.versions.node} does not run TypeScript files by itself. ` +
        "Use Node.js 22.18 or newer, or write the configuration and the task modules in JavaScript (tasks.config.mjs), " +
        "or start the command with a TypeScript loader (NODE_OPTIONS='--import tsx')."
      );
    case "ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX":
    case "ERR_INVALID_TYPESCRIPT_SYNTAX":
      return " Node.js only strips types: enums, namespaces and parameter properties do not work without a build step or a TypeScript loader.";
    case "ERR_MODULE_NOT_FOUND": {
      const name = missingPackage(cause);
      if (name !== undefined) {
        return ` The package ${name} is not installed. Run: npm install ${name}`;
      }
      return " An import was not found. Node.js wants whole file names in relative imports, such as './emails.ts'.";
    }
    default:
      return isCommonJs(cause)
        ? " It is read as CommonJS. Run: npm pkg set type=module (or name the file .mts or .mjs)."
        : "";
  }
}

function isCommonJs(cause: unknown): boolean {
  return (
    cause instanceof SyntaxError &&
    /^(?:Cannot use import statement outside a module|Unexpected token 'export')/.test(
      cause.message,
    )
  );
}

/** The package that an import names and Node.js did not find; `undefined` when a file is missing. */
function missingPackage(cause: unknown): string | undefined {
  const [, specifier = ""] =
    /^Cannot find package '([^']+)'/.exec(String((cause as Error).message)) ?? [];
  // Node.js 20 names the file it looked for.
  const path = specifier.split("/node_modules/").at(-1) ?? "";
  return /^(?:@[\w.-]+\/)?[\w.-]+/.exec(path)?.[0];
}
