import { fork } from "node:child_process";

import type { Case } from "./cases.ts";
import type { MutantResult } from "./run-mutant.ts";

/** A mutant whose suite is not done by then survives, in milliseconds. */
const MAX_MS = 300_000;
/** A process without a heartbeat for so long is in an endless loop, in milliseconds. */
const MAX_SILENCE_MS = 60_000;

/** Runs a mutant in a process of its own. */
export async function runCase({
  mutant,
  store,
}: Case): Promise<MutantResult & { readonly seconds: number }> {
  const startMs = performance.now();
  const child = fork(new URL("child.ts", import.meta.url), [mutant.name, store], {
    stdio: ["ignore", "ignore", "pipe", "ipc"],
    execArgv: [],
  });
  let stderr = "";
  child.stderr!.on("data", (data: Buffer) => (stderr = (stderr + data.toString()).slice(-2000)));
  let limit: NodeJS.Timeout | undefined;
  let silence: NodeJS.Timeout | undefined;
  const result = await new Promise<MutantResult>((resolve, reject) => {
    const listen = (): void => {
      clearTimeout(silence);
      silence = setTimeout(
        () => resolve({ killedBy: "an endless loop", reason: "" }),
        MAX_SILENCE_MS,
      );
    };
    listen();
    limit = setTimeout(() => resolve({ killedBy: null, reason: "the suite did not end" }), MAX_MS);
    child.on("message", (message: MutantResult | "beat") => {
      if (message === "beat") listen();
      else resolve(message);
    });
    child.once("exit", (code) =>
      reject(new Error(`The process of ${mutant.name} ended with ${code}: ${stderr}`)),
    );
  });
  clearTimeout(limit);
  clearTimeout(silence);
  child.removeAllListeners("exit");
  child.kill("SIGKILL");
  return { ...result, seconds: (performance.now() - startMs) / 1000 };
}
