import { clearTimeout, setTimeout } from "node:timers";
import { setTimeout as setTimer } from "node:timers/promises";

import { monotonicNow } from "@tasks/core/worker";

import type { ChangeKind, Changes } from "./changes.ts";

/** Shortest pause between two notifications of a kind from this process, in milliseconds: commits with one wait for each other in the server. */
const GAP_MS: Readonly<Record<ChangeKind, number>> = { work: 5, finished: 20 };
/** Pause between two looks without being told, in milliseconds: while notifications arrive, and while they do not. */
const LISTENING_LOOK_MS = 5000;
const DEAF_LOOK_MS = 100;
/** Pause before the next try to listen, in milliseconds. */
const RECONNECT_MS = 1000;
/** Shortest pause after nobody was there to hear one, in milliseconds: whoever begins to listen looks by itself first. */
const UNHEARD_GAP_MS = 100;
/** How long closing waits for the last notifications, in milliseconds. */
const LAST_SEND_MS = 200;

/** A connection that hears notifications. */
export interface Subscription {
  /** Whether it should keep the process alive. */
  setActive(active: boolean): void;
  close(): Promise<void>;
}

/** How notifications travel. */
export interface Channel {
  /** Tells this process's notifications from those of others. */
  readonly sender: string;
  /** Tells all processes. Resolves with whether any may have been listening. */
  send(kind: ChangeKind): Promise<boolean>;
  /** Starts to hear. Resolves with `undefined` where that is impossible for good. `onLost` is called at most once. */
  subscribe(
    onMessage: (kind: ChangeKind) => void,
    onLost: () => void,
  ): Promise<Subscription | undefined>;
}

/**
 * Changes told by the server. Listening begins with the first listener; whoever waits is also woken now and then without being told, so that a
 * lost notification costs time and nothing else.
 */
export class Notifications implements Changes {
  readonly #channel: Channel;
  readonly #listeners: Readonly<Record<ChangeKind, Set<() => void>>> = {
    work: new Set(),
    finished: new Set(),
  };
  readonly #senders: Readonly<Record<ChangeKind, ThrottledSender>>;
  #subscription: Subscription | undefined;
  #isSubscribing = false;
  #canSubscribe = true;
  #triedAtMs = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(channel: Channel) {
    this.#channel = channel;
    this.#senders = {
      work: new ThrottledSender(() => channel.send("work"), GAP_MS.work),
      finished: new ThrottledSender(() => channel.send("finished"), GAP_MS.finished),
    };
  }

  listen(kind: ChangeKind, listener: () => void): () => void {
    this.#listeners[kind].add(listener);
    this.#subscription?.setActive(true);
    this.#look();
    return () => {
      this.#listeners[kind].delete(listener);
      if (this.#isHeard) return;
      clearTimeout(this.#timer);
      this.#timer = undefined;
      this.#subscription?.setActive(false);
    };
  }

  teller(kind: ChangeKind): string | null {
    return !this.#isClosed && this.#senders[kind].leave() ? this.#channel.sender : null;
  }

  announce(kind: ChangeKind, isTold = false): void {
    this.#wake(kind);
    if (!this.#isClosed && !isTold) this.#senders[kind].send();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    // A server that is out of reach must not hold up the end of the process.
    await Promise.race([
      Promise.all([this.#senders.work.flush(), this.#senders.finished.flush()]),
      setTimer(LAST_SEND_MS, undefined, { ref: false }),
    ]);
    await this.#subscription?.close();
    this.#wakeAll();
  }

  get #isHeard(): boolean {
    return this.#listeners.work.size + this.#listeners.finished.size > 0;
  }

  #wake(kind: ChangeKind): void {
    for (const listener of this.#listeners[kind]) listener();
  }

  #wakeAll(): void {
    this.#wake("work");
    this.#wake("finished");
  }

  /** Sees to the subscription and to the next look. */
  #look(): void {
    if (this.#isClosed || !this.#isHeard) return;
    if (this.#subscription === undefined && this.#canSubscribe && !this.#isSubscribing) {
      this.#isSubscribing = true;
      void this.#subscribe().finally(() => {
        this.#isSubscribing = false;
      });
    }
    if (this.#timer !== undefined) return;
    const pauseMs = this.#subscription === undefined ? DEAF_LOOK_MS : LISTENING_LOOK_MS;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#wakeAll();
      this.#look();
    }, pauseMs);
  }

  async #subscribe(): Promise<void> {
    if (monotonicNow() - this.#triedAtMs < RECONNECT_MS) return;
    this.#triedAtMs = monotonicNow();
    let isLost = false;
    const onLost = (): void => {
      isLost = true;
      this.#subscription = undefined;
      this.#restartTimer();
    };
    try {
      const subscription = await this.#channel.subscribe((kind) => this.#wake(kind), onLost);
      if (subscription === undefined) this.#canSubscribe = false;
      if (isLost || subscription === undefined) return;
      if (this.#isClosed) {
        await subscription.close();
        return;
      }
      subscription.setActive(this.#isHeard);
      this.#subscription = subscription;
      this.#restartTimer();
      // What was committed while nobody heard it.
      this.#wakeAll();
    } catch {
      // Looking without being told goes on, and tries again.
    }
  }

  #restartTimer(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#look();
  }
}

/** Sends at once, then at most once per gap; what is asked for in between goes out at its end. The gap is longer while nobody listens. */
class ThrottledSender {
  readonly #send: () => Promise<boolean>;
  readonly #gapMs: number;
  #restUntilMs = Number.NEGATIVE_INFINITY;
  #sentAtMs = Number.NEGATIVE_INFINITY;
  #askedAtMs = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;
  #sending: Promise<void> | undefined;

  constructor(send: () => Promise<boolean>, gapMs: number) {
    this.#send = send;
    this.#gapMs = gapMs;
  }

  /**
   * Leaves one to be sent with a statement, which saves a round trip: only after a calm gap, since a commit that waits for the disk with one makes others
   * wait.
   */
  leave(): boolean {
    const now = monotonicNow();
    const isCalm = this.#timer === undefined && now - this.#askedAtMs >= this.#gapMs;
    this.#askedAtMs = now;
    if (isCalm) this.#sentAtMs = now;
    return isCalm;
  }

  send(): void {
    this.#askedAtMs = monotonicNow();
    if (this.#timer !== undefined) return;
    const nextAtMs = Math.max(this.#sentAtMs + this.#gapMs, this.#restUntilMs);
    const waitMs = nextAtMs - this.#askedAtMs;
    if (waitMs <= 0) this.#now();
    else this.#timer = setTimeout(() => this.#now(), waitMs);
  }

  /** Sends what is waiting, and resolves when all is sent. */
  async flush(): Promise<void> {
    if (this.#timer !== undefined) this.#now();
    await this.#sending;
  }

  #now(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#sentAtMs = monotonicNow();
    // A notification that cannot be sent is made up for by those who look without being told.
    this.#sending = this.#send().then(
      (isHeard) => {
        if (!isHeard) this.#restUntilMs = monotonicNow() + UNHEARD_GAP_MS;
      },
      () => undefined,
    );
  }
}
