/** Lets actions run side by side, and some of them alone. */
export class Turns {
  readonly #running = new Set<Promise<unknown>>();
  /** Settles when nobody who must be alone is waiting or running. */
  #free: Promise<unknown> = Promise.resolve();

  /** Runs an action in its turn. The action must not reject. */
  take<T>(alone: boolean, action: () => Promise<T>): Promise<T> {
    const before = alone ? Promise.all([this.#free, ...this.#running]) : this.#free;
    const turn = before.then(action);
    this.#running.add(turn);
    if (alone) this.#free = turn;
    void turn.finally(() => this.#running.delete(turn));
    return turn;
  }
}
