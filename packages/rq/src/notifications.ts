import { clearTimeout, setTimeout } from "node:timers";

import type { Redis } from "ioredis";

import { duplicateClient, type RedisClient } from "./connection/client.ts";
import { letProcessEnd } from "./connection/idle.ts";
import type { RedisStore } from "./connection/redis-store.ts";

/** What is told: there may be work; results were finished. */
export type ChangeKind = "work" | "finished";

/** Called with the message; `undefined` when something may have happened that was not heard. */
export type Listener = (message: string | undefined) => void;

/** Pause between two looks without being told, in milliseconds: while messages arrive, and while they do not. */
const LISTENING_LOOK_MS = 5000;
const DEAF_LOOK_MS = 100;

/**
 * Changes told by the server, over one connection of its own. It is opened with the first listener; whoever waits is also woken now and then without
 * being told, so that a lost message costs time and nothing else.
 */
export class Notifications {
  readonly #store: RedisStore;
  readonly #listeners: Readonly<Record<ChangeKind, Set<Listener>>> = {
    work: new Set(),
    finished: new Set(),
  };
  #client: RedisClient | undefined;
  #isHearing = false;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(store: RedisStore) {
    this.#store = store;
  }

  /** Begins to listen; the function it gives back ends that. */
  listen(kind: ChangeKind, listener: Listener): () => void {
    this.#listeners[kind].add(listener);
    if (!this.#isClosed) this.#client ??= this.#subscribe();
    this.#look();
    return () => {
      this.#listeners[kind].delete(listener);
      if (this.#isHeard) return;
      clearTimeout(this.#timer);
      this.#timer = undefined;
    };
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#store.client.off("close", this.#mistrust).off("-node", this.#mistrust);
    this.#client?.disconnect();
    this.#wakeAll();
  }

  get #isHeard(): boolean {
    return this.#listeners.work.size + this.#listeners.finished.size > 0;
  }

  #subscribe(): RedisClient {
    const { root } = this.#store;
    const client = duplicateClient(this.#store.client);
    const channels: Readonly<Record<ChangeKind, string>> = {
      work: `${root}:@work`,
      finished: `${root}:@finished`,
    };
    const setHearing = (isHearing: boolean): void => {
      if (this.#isClosed || this.#isHearing === isHearing) return;
      this.#isHearing = isHearing;
      // What happened while nobody heard it.
      if (isHearing) this.#wakeAll();
      clearTimeout(this.#timer);
      this.#timer = undefined;
      this.#look();
    };
    // The connection comes back by itself; until then the looks are closer.
    client.on("error", () => undefined);
    if (!client.isCluster) letProcessEnd(client as Redis);
    client.on("close", () => setHearing(false));
    client.on("ready", () => {
      client.subscribe(channels.work, channels.finished).then(
        () => setHearing(true),
        () => undefined,
      );
    });
    client.on("message", (channel: string, message: string) => {
      this.#wake(channel === channels.work ? "work" : "finished", message);
    });
    client.connect().catch(() => undefined);
    this.#store.client.on("close", this.#mistrust).on("-node", this.#mistrust);
    return client;
  }

  /**
   * Replaces the connection when that of the commands broke: a listener sends nothing, and would
   * not notice.
   */
  readonly #mistrust = (): void => {
    const client = this.#client;
    if (client === undefined) return;
    if (client.isCluster) client.disconnect(true);
    // A goodbye would wait for the other side.
    else (client as Redis).stream?.destroy();
  };

  #wake(kind: ChangeKind, message?: string): void {
    for (const listener of this.#listeners[kind]) listener(message);
  }

  #wakeAll(): void {
    this.#wake("work");
    this.#wake("finished");
  }

  #look(): void {
    if (this.#isClosed || !this.#isHeard || this.#timer !== undefined) return;
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        this.#wakeAll();
        this.#look();
      },
      this.#isHearing ? LISTENING_LOOK_MS : DEAF_LOOK_MS,
    );
  }
}
