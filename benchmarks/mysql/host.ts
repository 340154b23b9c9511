/** A process of its own: `node host.ts bare|tasks <url>`. Empties the queue whenever it is told to, and says what it took. */
import { openBare } from "./bare.ts";
import type { Drained } from "./drainer.ts";
import { openTasks } from "./tasks.ts";

const [, , contender, url = ""] = process.argv;
const drainer = contender === "bare" ? await openBare(url) : openTasks(url);

process.on("disconnect", () => void drainer.close().then(() => process.exit()));
process.on("message", () => void answer());
process.send?.("ready");

async function answer(): Promise<void> {
  const before = process.cpuUsage();
  const handled = await drainer.drain();
  const { user, system } = process.cpuUsage(before);
  process.send?.({ handled, cpuUs: user + system } satisfies Drained);
}
