import { FriendlyError } from "./friendly-error.ts";

const EXIT_CODES = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

/** Fires when the user has had enough: Ctrl+C, a closed terminal, or a polite kill. Its reason says how to go on. */
export function createInterruption(): AbortSignal {
  const interruption = new AbortController();
  for (const [signal, exitCode] of Object.entries(EXIT_CODES)) {
    process.once(signal, () => {
      const message = "Stopped. Nothing is lost: the next npm start goes on from here.";
      interruption.abort(new FriendlyError(message, exitCode));
    });
  }
  return interruption.signal;
}
