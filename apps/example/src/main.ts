/** `npm start`, `npm start -- <folder>`, `npm start -- search <words>`, `npm start -- tasks <command>`. */
import { once } from "node:events";
import { resolve } from "node:path";

import config from "../tasks.config.ts";
import { indexFolder } from "./commands/index-folder.ts";
import { searchDocuments } from "./commands/search-documents.ts";
import { FriendlyError } from "./friendly-error.ts";
import { defaultFolder } from "./places.ts";
import { startTasksCommand } from "./tasks-command.ts";

const HELP = `Search over your documents: a small application on Tasks.

  npm start                        index the documents of the installed packages
  npm start -- ./my/folder         index every *.md file of a folder
  npm start -- search "words"      find documents that hold all of the words
  npm start -- tasks <command>     the tasks command, such as: tasks list`;

async function main([first, ...rest]: readonly string[]): Promise<void> {
  switch (first) {
    case "search":
      return searchDocuments(rest.join(" "));
    case "tasks":
      return runTasksCommand(rest);
    case "help":
    case "--help":
    case "-h":
      return console.log(HELP);
    default:
      if (first?.startsWith("-") === true || rest.length > 0) {
        throw new FriendlyError(`I do not understand: ${[first, ...rest].join(" ")}\n\n${HELP}`);
      }
      // npm changes into this package's folder, and says where the user was.
      await indexFolder(
        first === undefined ? defaultFolder : resolve(process.env["INIT_CWD"] ?? ".", first),
      );
  }
}

async function runTasksCommand(args: readonly string[]): Promise<void> {
  const command = startTasksCommand(args, { stdio: "inherit" });
  const [exitCode] = (await once(command, "exit")) as [number | null];
  process.exitCode = exitCode ?? 1;
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof FriendlyError)) throw error;
  console.error(error.message);
  process.exitCode = error.exitCode;
} finally {
  await config.close();
}
