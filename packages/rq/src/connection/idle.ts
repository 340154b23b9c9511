import type { Redis } from "ioredis";

/**
 * Lets the process end while a client of the backend's own is connected, or tries to be. A pending call keeps the process alive by the timer that
 * limits the wait.
 */
export function letProcessEnd(client: Redis): void {
  client.on("connect", () => client.stream.unref());
  client.on("reconnecting", () => {
    // Private to TypeScript, and the same in all versions that we work with.
    const { reconnectTimeout } = client as unknown as {
      readonly reconnectTimeout?: NodeJS.Timeout;
    };
    reconnectTimeout?.unref();
  });
}
