import { setTimeout as sleep } from "node:timers/promises";

const LIMIT_MS = 30_000;
const PAUSE_MS = 20;

/** Asks again and again until the answer is yes. @throws Error when that takes too long. */
export async function waitUntil(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const startedAtMs = performance.now();
  while (!(await isSo())) {
    if (performance.now() - startedAtMs > LIMIT_MS) {
      throw new Error(`Waited for ${LIMIT_MS} ms in vain until ${what}.`);
    }
    await sleep(PAUSE_MS);
  }
}
