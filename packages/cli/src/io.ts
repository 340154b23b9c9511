import { onLauncherGone } from "./worker/launcher.ts";

/** Where a command writes to. `process.stdout` is one. */
export interface OutputStream {
  write(text: string): unknown;
  /** Someone looks at it. */
  readonly isTTY?: boolean | undefined;
  /** Width of the terminal in characters. */
  readonly columns?: number | undefined;
}

/** Set in the environment of a worker that is restarted on changes. */
export const WATCHED = "TASKS_WATCHED";

/** Signals a command reacts to. */
export type StopSignal = "SIGINT" | "SIGTERM" | "SIGQUIT";

/** Told of a signal. */
export type SignalListener = (signal: StopSignal) => void;

/** Tells of signals. `process` is one. */
export interface SignalSource {
  on(signal: StopSignal, listener: SignalListener): unknown;
  off(signal: StopSignal, listener: SignalListener): unknown;
}

/** What nobody caught: a rejected promise, or an error after which the process cannot be trusted. */
export type FaultKind = "unhandledRejection" | "uncaughtException";

/** The process that started this one in order to restart it on changes. */
export interface ParentProcess {
  send(message: unknown): void;
  /** Called when the parent is gone; the returned function takes the listener away. */
  onGone(listener: () => void): () => void;
}

/** Everything the command needs of the process it runs in. */
export interface CliIo {
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where the search for the configuration begins. */
  readonly cwd: string;
  readonly signals: SignalSource;
  /** Ends the process at once, running tasks included. */
  exit(code: number): void;
  /** Told of faults instead of the process ending; the returned function takes the listener away. */
  onFault(listener: (kind: FaultKind, error: unknown) => void): () => void;
  readonly parent?: ParentProcess | undefined;
  /**
   * Calls the listener when the package manager that started this process has ended. Returns a
   * function that removes the listener.
   */
  onLauncherGone(listener: () => void): () => void;
}

/** The real process. */
export function processIo(): CliIo {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      // `tasks list | head` closes the pipe early; a worker must not die with its log reader.
      if (error.code !== "EPIPE") throw error;
    });
  }
  return {
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    cwd: process.cwd(),
    signals: process,
    exit: (code) => process.exit(code),
    onFault: (listener) => {
      const onRejection = (error: unknown): void => listener("unhandledRejection", error);
      const onException = (error: unknown): void => listener("uncaughtException", error);
      process.on("unhandledRejection", onRejection).on("uncaughtException", onException);
      return () => {
        process.off("unhandledRejection", onRejection).off("uncaughtException", onException);
      };
    },
    parent: parentProcess(),
    onLauncherGone: (listener) => onLauncherGone(process.env, listener),
  };
}

function parentProcess(): ParentProcess | undefined {
  // Other process managers have a channel to their children too; only our own wants to know the files.
  const isWatched = process.env[WATCHED] === "1" && process.send !== undefined;
  delete process.env[WATCHED];
  if (!isWatched) return undefined;
  return {
    send: (message) => {
      if (process.connected) process.send?.(message);
    },
    onGone: (listener) => {
      process.on("disconnect", listener);
      // Listening must not keep a finished worker alive.
      process.channel?.unref();
      return () => process.off("disconnect", listener);
    },
  };
}
