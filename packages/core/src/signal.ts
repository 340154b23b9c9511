/** Called with a signal's payload. May be async. */
export type Receiver<Payload> = (payload: Payload) => void | Promise<void>;

/** A list of receivers that are told of an event, in the order in which they were connected. */
export class Signal<Payload> {
  readonly #receivers = new Set<Receiver<Payload>>();
  readonly #onReceiverError: (error: unknown) => void;

  /** @param onReceiverError told of a receiver that throws or rejects; the others are called all the same. */
  constructor(onReceiverError: (error: unknown) => void) {
    this.#onReceiverError = onReceiverError;
  }

  /** Adds a receiver; the returned function takes it away again. */
  connect(receiver: Receiver<Payload>): () => void {
    // A wrapper of its own, so that connecting a function twice gives two connections.
    const connected: Receiver<Payload> = (payload) => receiver(payload);
    this.#receivers.add(connected);
    return () => {
      this.#receivers.delete(connected);
    };
  }

  /** Someone listens. */
  get hasReceivers(): boolean {
    return this.#receivers.size > 0;
  }

  /** Tells every receiver and waits for the async ones. Never rejects. */
  async send(payload: Payload): Promise<void> {
    // A copy: receivers that connect others meanwhile do not prolong this event.
    for (const receiver of Array.from(this.#receivers)) {
      try {
        await receiver(payload);
      } catch (error) {
        this.#onReceiverError(error);
      }
    }
  }
}
