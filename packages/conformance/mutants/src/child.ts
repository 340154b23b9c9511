/** One mutant in a process of its own, so that whatever it leaves running ends with it. */
import { findMutant } from "./find-mutant.ts";
import type { StoreName } from "./mutant.ts";
import { runMutant, type MutantResult } from "./run-mutant.ts";

const [name = "", store = ""] = process.argv.slice(2);

function report(result: MutantResult): void {
  process.send!(result, () => process.exit());
}

process.on("uncaughtException", (error) => {
  report({ killedBy: "an uncaught exception", reason: String(error) });
});
setInterval(() => process.send!("beat"), 1000).unref();
await runMutant(findMutant(name), store as StoreName, report);
