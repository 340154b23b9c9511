import { readFileSync } from "node:fs";

/** How often the launcher is checked, in milliseconds. Nothing announces its end. */
const CHECK_EVERY_MS = 500;

/**
 * Calls back when the package manager that started this process is gone. `npx` and `npm run` end at a SIGTERM without passing it on, and the worker would go
 * on as an orphan. A worker that was started directly may outlive its parent, as behind `nohup`.
 *
 * @returns takes the listener away.
 */
export function onLauncherGone(
  env: Readonly<Record<string, string | undefined>>,
  listener: () => void,
): () => void {
  // npm, pnpm and Yarn set one of these for the programs they run.
  if (env["npm_lifecycle_event"] === undefined && env["npm_command"] === undefined) {
    return () => undefined;
  }
  const launchers = readLaunchers();
  const timer = setInterval(() => {
    if (readLaunchers() === launchers) return;
    clearInterval(timer);
    listener();
  }, CHECK_EVERY_MS);
  timer.unref();
  return () => clearInterval(timer);
}

/** The parent, and the parent's: there may be a shell between this process and the package manager. The second is known on Linux only. */
function readLaunchers(): string {
  const { ppid } = process;
  return `${ppid} ${parentOf(ppid)}`;
}

function parentOf(pid: number): string {
  try {
    // "pid (name) state parent …", where the name may hold anything.
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1] ?? "";
  } catch {
    return "";
  }
}
