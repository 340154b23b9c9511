import { clearTimeout, setTimeout } from "node:timers";
import { setTimeout as sleep } from "node:timers/promises";

import { monotonicNow } from "@tasks/core/worker";
import type { Redis } from "ioredis";

import { isDenied } from "./errors.ts";
import { afterSilence } from "./patience.ts";

/** How long an answer is awaited before the server is asked by another connection, and the pause after a question that nobody answered, in milliseconds. */
const PATIENCE_MS = 1000;
const AGAIN_MS = 250;
/** How long connecting for that may take, and its answer, in milliseconds. */
const ASK_MS = 1000;
/** How long an answer that is on its way may take, in milliseconds. */
const LAST_CHANCE_MS = 200;
/** The slowest a command may travel, in bytes per millisecond. */
const SLOWEST = 100;

/**
 * Finds out that a connection fell silent, long before a limit on answers does. Redis runs one command after another: whoever is answered on a new connection,
 * while one that asked a second before is not, knows that nothing comes of the other. It is destroyed then.
 */
export class SilenceWatch {
  readonly #client: Redis;
  #asking: Promise<void> | undefined;

  constructor(client: Redis) {
    this.#client = client;
  }

  /**
   * Watches over a command that was just sent.
   *
   * @returns a function that ends it.
   */
  begin(): () => void {
    const { stream } = this.#client;
    const bytes = sentOn(stream);
    const sentAtMs = monotonicNow();
    const doubt = (): void => {
      const travelMs = (sentOn(stream) - bytes) / SLOWEST;
      if (monotonicNow() - sentAtMs >= PATIENCE_MS + travelMs) void this.#ask();
      callOff = afterSilence(AGAIN_MS, doubt);
    };
    let callOff = afterSilence(PATIENCE_MS, doubt);
    return () => callOff();
  }

  #ask(): Promise<void> {
    this.#asking ??= this.#findOut().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  async #findOut(): Promise<void> {
    const { stream, status } = this.#client;
    if (status !== "ready") return;
    const bytes = stream.bytesRead;
    const other = this.#client.duplicate({
      connectTimeout: ASK_MS,
      commandTimeout: ASK_MS,
      retryStrategy: null,
    });
    other.on("error", () => undefined);
    // A server may take connections and say nothing, not even goodbye.
    const limit = setTimeout(() => destroy(other), ASK_MS).unref();
    try {
      await other.connect();
      await other.ping().catch(unlessRefused);
      await sleep(LAST_CHANCE_MS, undefined, { ref: false });
      if (this.#client.stream === stream && stream.bytesRead === bytes) stream.destroy();
    } catch {
      // Nobody answers: an outage, which does not end by a new connection.
    } finally {
      clearTimeout(limit);
      destroy(other);
    }
  }
}

/** Bytes sent on a connection; 0 when there is none at the moment. */
function sentOn(stream: Redis["stream"] | undefined): number {
  return stream?.bytesWritten ?? 0;
}

/** Closes a connection at once. The client's own goodbye waits for the other side. */
function destroy(client: Redis): void {
  client.disconnect();
  client.stream?.destroy();
}

/** A user who may not ask was answered all the same. */
function unlessRefused(error: unknown): void {
  if (!isDenied(error)) throw error;
}
