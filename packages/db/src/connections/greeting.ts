import type { Socket } from "node:net";
import { clearTimeout, setImmediate, setTimeout } from "node:timers";

import { monotonicNow } from "@tasks/core/worker";

/** How long the first byte of a server may take, and the answer to the first statement, in milliseconds. */
export const GREETING_MS = 2000;
/** How long connecting may take, with as many tries as that takes, in milliseconds. */
export const CONNECT_MS = 10_000;

/** The server has said nothing on a new connection; nothing was asked of it that matters. */
export class NoGreeting extends Error {
  override readonly name = "NoGreeting";
  readonly code = "ETIMEDOUT";
  constructor(options?: ErrorOptions) {
    super(`the server said nothing on a new connection within ${GREETING_MS} ms`, options);
  }
}

/** Gives a socket up on which nothing arrives: those that are opened while a network swallows everything stay silent when it is over. */
export function expectGreeting(socket: Socket): void {
  const giveUp = (): void => void socket.destroy(new NoGreeting());
  // What has arrived is read between timers and immediates.
  const timer = setTimeout(() => setImmediate(giveUpIfSilent), GREETING_MS).unref();
  const giveUpIfSilent = (): void => {
    if (socket.bytesRead === 0) giveUp();
  };
  socket.once("close", () => clearTimeout(timer));
}

/** Tries something again that found no greeting, for as long as connecting may take. */
export async function whileUngreeted<T>(work: () => Promise<T>): Promise<T> {
  const untilMs = monotonicNow() + CONNECT_MS - GREETING_MS;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof NoGreeting) || monotonicNow() > untilMs) throw error;
    }
  }
}
